"""Speakers: windows of voices, groups of them, and the labels of syllables."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ramospeech.errors import ModelError, UsageError
from ramospeech.output import WRITERS
from ramospeech.output.writer import Style
from ramospeech.pipeline import Transcriber
from ramospeech.speakers import Turns, VoiceEncoder, clusters, smoothed, speaker_names, voices_path
from ramospeech.speakers.embedding import BINS, CELLS, FRAMES, LAYERS, STEP, mel_energies
from ramospeech.speakers.turns import speakers_of
from ramospeech.stages import End, Piece
from ramospeech.transcript import Token, Transcript

needs_weights = pytest.mark.skipif(not voices_path().is_file(), reason="no voice encoder is shipped")


def voice(pitch: float, seconds: float, seed: int = 0) -> np.ndarray:
    """A buzz of so many Hz with a noise above it."""
    time = np.arange(round(16_000 * seconds)) / 16_000
    buzz = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 20))
    return (0.1 * buzz + 0.003 * np.random.default_rng(seed).standard_normal(len(time))).astype(np.float32)


def directions(labels: list[int], seed: int, noise: float = 0.3, dim: int = 16) -> np.ndarray:
    """Unit vectors of so many dimensions around one direction for each label."""
    drawn = np.random.default_rng(seed)
    centres, _ = np.linalg.qr(drawn.standard_normal((dim, dim)))
    vectors = centres[labels] + noise * drawn.standard_normal((len(labels), dim)) / np.sqrt(dim)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def token(start: float, end: float, **options: object) -> Token:
    return Token("ma1", "妈", start, end, **options)  # type: ignore[arg-type]


@needs_weights
def test_the_network_is_that_of_torch() -> None:
    encoder = VoiceEncoder()
    waveform = voice(120, 4.0)
    times, vectors = encoder(waveform)
    lstm = torch.nn.LSTM(BINS, CELLS, LAYERS, batch_first=True)
    weights = {name: torch.from_numpy(values) for name, values in encoder.weights.items()}
    lstm.load_state_dict({name[5:]: values for name, values in weights.items() if name.startswith("lstm.")})
    mel = torch.from_numpy(mel_energies(waveform))
    windows = mel.unfold(0, FRAMES, STEP).transpose(1, 2)
    with torch.inference_mode():
        _, (state, _) = lstm(windows)
        expected = torch.relu(state[-1] @ weights["linear.weight"].T + weights["linear.bias"])
        expected = torch.nn.functional.normalize(expected, dim=1)
    np.testing.assert_allclose(vectors, expected.numpy(), atol=1e-4)
    np.testing.assert_allclose(times, 0.8 + 0.64 * np.arange(len(windows)))


def test_mel_energies_are_those_of_a_plain_transform() -> None:
    waveform = voice(200, 0.5)
    found = mel_energies(waveform)
    assert found.shape == (51, BINS) and (found >= 0).all()
    quiet = mel_energies(0.01 * waveform)
    assert quiet.sum() > 0.01 * found.sum()  # made as loud as a recording should be
    assert mel_energies(np.zeros(8_000, np.float32)).max() < 1e-9


@needs_weights
@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.6, 3.0])
def test_recordings_of_any_length_have_a_window(seconds: float) -> None:
    times, vectors = VoiceEncoder()(voice(150, seconds))
    assert len(times) == len(vectors) >= 1
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


@needs_weights
def test_one_voice_is_more_like_itself_than_like_another() -> None:
    encoder = VoiceEncoder()
    low, again, high = (encoder(voice(*each))[1].mean(0) for each in ((100, 4, 1), (103, 5, 2), (260, 4, 3)))
    assert low @ again > low @ high


def test_weights_that_cannot_be_used(tmp_path) -> None:
    (tmp_path / "text").write_text("no weights")
    for name, message in (("none", "cannot be read"), ("text", "not the weights of the voice encoder")):
        with pytest.raises(ModelError, match=message) as error:
            VoiceEncoder(tmp_path / name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_found_and_the_same_each_time(count: int, seed: int) -> None:
    labels = [number % count for number in range(12 * count)] + [0] * 40  # one speaks much more
    vectors = directions(labels, seed)
    centres = clusters(vectors, count)
    found = (vectors @ centres.T).argmax(1)
    assert len(set(zip(labels, found.tolist(), strict=True))) == count
    np.testing.assert_array_equal(centres, clusters(vectors, count))


def test_fewer_windows_than_speakers() -> None:
    for windows in (1, 2):
        vectors = directions([0] * windows, 0)
        assert clusters(vectors, 4).shape == (4, 16)
        assert len(smoothed(vectors, clusters(vectors, 4))) == windows


def test_a_doubtful_window_does_not_change_the_speaker() -> None:
    centres = np.eye(2)
    vectors = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.5]] + [[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4)
    assert smoothed(vectors, centres).tolist() == [0] * 9 + [1] * 4


@pytest.mark.parametrize("seed", range(3))
def test_syllables_between_pauses_have_one_speaker_in_order_of_speaking(seed: int) -> None:
    labels = [2] * 5 + [0] * 5 + [1] * 5 + [2] * 5
    times = 0.8 + 0.64 * np.arange(len(labels))
    phrases = [(5 * 0.64 * n + 0.1, 5 * 0.64 * (n + 1) - 0.1) for n in range(4)]
    tokens = [token(start, start + 0.25) for first, last in phrases for start in np.arange(first, last - 0.5, 0.25)]
    found = speakers_of(tokens, times, directions(labels, seed), 3)
    expected = [(0, 1, 2, 0)[next(n for n, (_, last) in enumerate(phrases) if t.start < last)] for t in tokens]
    wrong = sum(a != b for a, b in zip(found, expected, strict=True))
    assert wrong <= 2 and found[0] == 0


@pytest.mark.parametrize(
    ("text", "names"),
    [("2", ["1", "2"]), ("8", list("12345678")), ("王,李", ["王", "李"]), ("A， B ,C", ["A", "B", "C"])],
)
def test_names(text: str, names: list[str]) -> None:
    assert speaker_names(text) == names


@pytest.mark.parametrize("text", ["", "1", "0", "9", "1000000000", "A", "A,A", "-2", "a,b,c,d,e,f,g,h,i"])
def test_names_that_cannot_be_used(text: str) -> None:
    with pytest.raises(UsageError, match=r"--speakers .*: give 2 to 8 different names"):
        speaker_names(text)


def test_each_recording_gets_its_own_voices() -> None:
    """And names; also one that fails, one whose speakers are not asked for, and one that follows them."""

    def encoder(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([0.5]), np.eye(2)[[int(waveform[0])]]

    turns = Turns((("A", "B"), ("A", "B"), (), ("C", "D")), encoder)
    pieces = [
        *(Piece(0.0, np.zeros(9)), Piece(1.0, np.ones(9)), End("a", 2.0)),
        *(End("b", 0.0, error="b: no"), Piece(0.0, np.ones(9)), End("c", 1.0)),
        *(Piece(0.0, np.ones(9)), Piece(1.0, np.zeros(9)), Piece(2.0, np.ones(9)), End("d", 3.0)),
    ]
    assert list(turns.listen(pieces)) == pieces
    of_two = (token(0.4, 0.6), token(1.4, 1.6))
    labelled = [
        turns.label(transcript)
        for transcript in (
            Transcript("a", tokens=of_two),
            Transcript("b", error="b: no"),
            Transcript("c", tokens=(token(0.4, 0.6),)),
            Transcript("d", tokens=(*of_two, token(2.4, 2.6))),
        )
    ]
    assert [[t.speaker for t in each.tokens] for each in labelled] == [["A", "B"], [], [None], ["C", "D", "C"]]


@needs_weights
def test_a_transcriber_with_speakers() -> None:
    transcriber = Transcriber.from_pretrained("fast", speakers=("A", "B"), min_confidence=0.0)
    with_speech = np.concatenate([voice(100, 2), voice(250, 2, 1)]), 16_000
    found = transcriber.transcribe(with_speech)
    assert {t.speaker for t in found.tokens} <= {"A", "B"}
    plain = Transcriber.from_pretrained("fast", min_confidence=0.0).transcribe(with_speech)
    assert [replace(t, speaker=None) for t in found.tokens] == list(plain.tokens)


SAID = Transcript(
    "a.wav",
    text="妈妈妈妈",
    pinyin=("ma1",) * 4,
    tokens=(
        *(token(0.0, 0.3, speaker="王"), token(0.3, 0.6, speaker="王")),
        *(token(0.6, 0.9, speaker="<b>"), token(0.9, 1.2, speaker="<b>")),
    ),
    seconds=1.2,
)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("srt", ["王: 妈妈", "<b>: 妈妈"]),
        ("vtt", ["<v 王>妈妈", "<v &lt;b&gt;>妈妈"]),
        ("txt", ["[00:00:00] 王: 妈妈", "[00:00:00] <b>: 妈妈"]),
    ],
)
def test_formats_with_lines(tmp_path, name: str, lines: list[str]) -> None:
    text = written(tmp_path, name, SAID)
    assert [line for line in text.splitlines() if "妈" in line] == lines
    assert "王" not in written(
        tmp_path, name, replace(SAID, tokens=tuple(replace(t, speaker=None) for t in SAID.tokens))
    )


def test_json_and_html(tmp_path) -> None:
    [entry] = json.loads(written(tmp_path, "json", SAID))
    assert [segment["speaker"] for segment in entry["segments"]] == ["王", "<b>"]
    assert [each["speaker"] for each in entry["tokens"]] == ["王", "王", "<b>", "<b>"]
    page = written(tmp_path, "html", SAID)
    assert "<b>王</b>" in page and "<b>&lt;b&gt;</b>" in page
    without = replace(SAID, tokens=tuple(replace(each, speaker=None) for each in SAID.tokens))
    assert "speaker" not in written(tmp_path, "json", without)


def written(folder, name: str, transcript: Transcript) -> str:
    """What a format makes of a transcript, in paragraphs where it has any."""
    path = folder / name
    with path.open("w+", encoding="utf-8") as file:
        writer = WRITERS[name](file, style=Style(paragraphs=True))
        writer.write(transcript)
        writer.close()
    return path.read_text("utf-8")
