"""The benchmark of an hour in one file: what it joins, where speech is, and how subtitles are compared."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from ramospeech.corpora import Utterance
from ramospeech.transcript import Token, Transcript


@pytest.fixture(scope="module")
def benchmark(root: Path):
    pytest.importorskip("av")
    sys.path.insert(0, str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("long_recording", root / "benchmarks" / "long_recording.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["long_recording"] = module
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(root / "benchmarks"))
    del sys.modules["long_recording"]


def clip(folder: Path, name: str, rng: np.random.Generator, before: float, sound: float, after: float) -> Utterance:
    waveform = np.concatenate([np.zeros(int(s * 16000)) for s in (before, sound, after)])
    first = int(before * 16000)
    waveform[first : first + int(sound * 16000)] = rng.uniform(-0.3, 0.3, int(sound * 16000))
    soundfile.write(folder / name, waveform + rng.normal(0, 1e-4, len(waveform)), 16000)
    return Utterance(name, ("ba1", "ma1"), "八妈", len(waveform) / 16000)


def test_clips_are_joined_and_their_speech_is_found(benchmark: ModuleType, tmp_path: Path, rng: np.random.Generator):
    first = [clip(tmp_path, f"a{n}.wav", rng, 0.2 * n, 1.0, 0.3) for n in range(3)]
    second = [clip(tmp_path, f"b{n}.wav", rng, 0.5, 0.5 + n, 0.0) for n in range(2)]
    joined = benchmark.join([first, second], tmp_path, tmp_path / "long.flac", 100.0, 0.5)
    assert [each.clip.path for each in joined] == ["a0.wav", "b0.wav", "a1.wav", "b1.wav", "a2.wav"]
    waveform, _ = soundfile.read(tmp_path / "long.flac")
    assert len(waveform) / 16000 == pytest.approx(joined[-1].end + 0.5, abs=0.01)
    lengths = dict(zip(["a0", "a1", "a2", "b0", "b1"], [1.0, 1.0, 1.0, 0.5, 1.5], strict=True))
    for each in joined:
        assert each.last - each.first == pytest.approx(lengths[each.clip.path[:2]], abs=0.06)
        assert np.abs(waveform[int((each.first + 0.05) * 16000) : int((each.last - 0.05) * 16000)]).mean() > 0.1
    short = benchmark.join([first, second], tmp_path, tmp_path / "short.flac", 4.0, 0.5)
    assert short == joined[: len(short)] and 4.0 <= short[-1].end + 0.5 < 7.0


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_read_by_a_player(benchmark: ModuleType, tmp_path: Path, form: str):
    texts = ["你好", "a<b>&c", "再见 --> x"]
    tokens = tuple(Token("a1", text, 3600.0 * n + 0.25, 3600.0 * n + 0.75) for n, text in enumerate(texts))
    cues = benchmark.subtitles(Transcript("a", "", (), tokens, 7300.0), form, tmp_path)
    assert [(start, end) for start, end, _ in cues] == [
        (3600.0 * n + 0.25, pytest.approx(3600.0 * n + 1.25)) for n in range(3)
    ]
    assert cues[0][2] == "你好" and len(cues) == 3


def test_cues_are_compared_with_their_clip(benchmark: ModuleType):
    utterance = Utterance("a", ("ba1",), "八")
    joined = [benchmark.Joined(utterance, 1.0, 3.0, 1.2, 2.8), benchmark.Joined(utterance, 4.0, 9.0, 4.5, 8.5)]
    cues = [(1.3, 2.0, "八"), (2.1, 2.9, "八"), (4.4, 8.6, "八")]
    tokens = [Token("ba1", "八", at, at + 0.5) for at in (1.3, 2.4, 4.4, 8.1)]
    starts, ends, across = benchmark.offsets(joined, cues, tokens)
    assert starts == pytest.approx([0.1, -0.1]) and ends == pytest.approx([0.1, 0.1]) and across == 0
    assert benchmark.offsets(joined, [(1.3, 5.0, "八")], tokens)[2] == 1
    assert benchmark.within([0.1, -0.2, 0.3, 0.0], 0.2) == "75.0 %"


def test_errors_of_clips_and_of_one_file(benchmark: ModuleType):
    joined = [benchmark.Joined(Utterance("a", ("ba1", "ma1"), "八妈"), 0.0, 1.0, 0.0, 1.0)] * 2
    clips = [{"pinyin": ["ba1", "ma1"], "text": "八妈"}, {"pinyin": ["ba1"], "text": "八"}]
    whole = [{"pinyin": ["ba1", "ma1", "ba1"], "text": "八妈八"}]
    for entries in (clips, whole):
        assert [score.rate for score in benchmark.score(joined, entries)] == [0.25, 0.25]
