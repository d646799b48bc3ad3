"""Tuning: the search finds the bottom of a bowl, recordings come back whole and in order, the files are written."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from ctc_decode import BeamSearchDecoder, GreedyDecoder, NgramModel
from ramospeech.corpora import Clip
from ramospeech.errors import ListError, ModelError, UsageError
from ramospeech.lm import NgramTrainer, tune
from ramospeech.lm.posteriors import Posteriors, fingerprint, listen, read_posteriors, write_posteriors
from ramospeech.lm.tune import Point, best, grid, search, table
from ramospeech.model import AcousticModel, ModelConfig, save_model
from ramospeech.text import Vocabulary

UNITS = ("<blank>", "<UNK>", "yi1", "er4", "san1", "si4")
SAMPLES = 1280  # a frame of posteriors


class Echo(torch.nn.Module):
    """Hears in each frame the unit that its loudness names, 0.1 for yi1 and on."""

    reduction = 8
    min_samples = 400 + 7 * 160
    vocabulary = Vocabulary(UNITS)

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        T = waveforms.shape[1] // SAMPLES
        loud = waveforms[:, : T * SAMPLES].reshape(len(waveforms), T, SAMPLES).amax(dim=2)
        unit = torch.where(loud > 0.05, 1 + (loud * 10).round().long(), 0)
        return torch.log_softmax(9.0 * torch.nn.functional.one_hot(unit, len(UNITS)).float(), dim=2), lengths // SAMPLES


def bowl(point: Point) -> float:
    return 0.1 + (point[0] - 0.47) ** 2 + 0.02 * (point[1] - 3.3) ** 2


def test_the_search_goes_to_the_bottom() -> None:
    weights, bonuses = grid((0, 1.5), 6), grid((0, 5), 6)
    assert (weights, bonuses) == ([0, 0.3, 0.6, 0.9, 1.2, 1.5], [0, 1, 2, 3, 4, 5])
    tried: list[Point] = []

    def rates(points: list[Point]) -> list[float]:
        tried.extend(points)
        return [bowl(point) for point in points]

    found = search(rates, weights, bonuses, 4)
    assert best(found) == pytest.approx((0.47, 3.3), abs=0.03)
    assert len(tried) == len(set(tried)) == len(found) <= 36 + 4 * 8
    assert found == {point: bowl(point) for point in tried}
    # A bottom outside of the grid is followed, a weight below 0 is not.
    beyond = search(lambda points: [bowl(point) for point in points], grid((0, 0.2), 2), grid((0, 1), 2), 3)
    assert best(beyond)[0] > 0.2
    assert best(beyond)[1] > 1
    downhill = search(lambda points: [point[0] for point in points], grid((0.5, 1), 2), grid((0, 1), 2), 3)
    assert min(downhill)[0] == 0
    assert best({(0.3, 1.0): 0.2, (0.1, 2.0): 0.2, (0.0, 0.0): 0.3}) == (0.1, 2.0)


def test_table() -> None:
    rates = {(0.0, 0.0): 0.5, (0.0, 1.0): 0.25, (0.3, 0.0): 0.125, (0.3, 1.0): 0.0625}
    lines = table(rates, [0.0, 0.3], [0.0, 1.0]).splitlines()
    assert lines[1:] == ["               0       1", "       0   50.00   25.00", "     0.3   12.50    6.25"]


def record(path: Path, ids: list[int]) -> None:
    waveform = np.concatenate([np.repeat([0.1 * (i - 1), 0.0], 2 * SAMPLES) for i in ids])
    soundfile.write(path, waveform.astype(np.float32), 16000, subtype="FLOAT")


def test_recordings_come_back_whole_and_in_order(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [rng.integers(2, 6, n).tolist() for n in (3, 100, 1, 40, 7)]  # the second is longer than MAX_SECONDS
    clips = []
    for number, ids in enumerate(said):
        record(tmp_path / f"{number}.wav", ids)
        clips.append(Clip(f"{number}.wav", tuple(UNITS[i] for i in ids), ""))
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    (tmp_path / "short.wav").write_bytes((tmp_path / "2.wav").read_bytes())
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    clips[2:2] = [Clip("bad.wav", ("yi1",), "")]
    clips.append(Clip("short.wav", ("si4",), ""))
    posteriors = listen(Echo(), clips, tmp_path)  # type: ignore[arg-type]
    assert "left out: " in capsys.readouterr().err
    assert posteriors.references == [clip.pinyin for clip in clips if clip.path != "bad.wav"]
    cuts = posteriors.clips.count(1) - 1
    assert cuts > 0
    assert posteriors.clips == [0, *[1] * (cuts + 1), 2, 3, 4]
    score = posteriors.score(GreedyDecoder(UNITS).decode)
    assert score.per_clip[-1].errors == 1  # of the clip too short for a frame
    assert sum(clip.errors for clip in score.per_clip[:-1]) <= 2 * cuts  # a cut may fall into a syllable
    with pytest.raises(ListError, match="none of the recordings could be used"):
        listen(Echo(), clips[2:3], tmp_path)  # type: ignore[arg-type]


def ambiguous(rng: np.random.Generator, sentences: list[list[int]]) -> Posteriors:
    """Posteriors that tell er4 from si4 by chance only: a language model has to."""
    pieces = []
    for ids in sentences:
        scores = np.full((2 * len(ids), len(UNITS)), 0.01)
        scores[1::2, 0] = 1
        for frame, unit in zip(scores[::2], ids, strict=True):
            frame[unit] = 1
            if unit in (3, 5):
                frame[[3, 5]] = rng.permutation([0.5, 0.6])
        pieces.append(np.log(scores / scores.sum(axis=1, keepdims=True)).astype(np.float32))
    return Posteriors([tuple(UNITS[i] for i in ids) for ids in sentences], pieces, list(range(len(sentences))))


def test_the_program(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [[2, 3], [4, 5]]  # yi1 er4, san1 si4: which of the two it is the word before tells
    sentences = [[unit for pair in rng.integers(0, 2, 4) for unit in pairs[pair]] for _ in range(30)]
    posteriors = ambiguous(rng, sentences)
    trainer = NgramTrainer(2)
    trainer.add([[UNITS[i] for i in ids] for ids in sentences])
    trainer.model().write(tmp_path / "lm.arpa")
    save_model(AcousticModel(ModelConfig(UNITS, maps=(2, 2, 2, 2), fc=2, rnn=2, rnn_layers=1)), tmp_path / "m", {})
    (tmp_path / "dev.txt").write_text("a.wav\tyi1\t一\n")
    computed = []
    monkeypatch.setattr(tune, "listen", lambda *_: computed.append(1) or posteriors)
    command = [
        "--model",
        "m",
        "--lm",
        "lm.arpa",
        "--ref",
        "dev.txt",
        "--output",
        "out",
        "--jobs",
        "2",
        "--posteriors",
        "kept.npz",
    ]
    monkeypatch.chdir(tmp_path)
    assert tune.main([*command, "--points", "3", "--rounds", "1"]) == 0
    said = capsys.readouterr().out
    assert "30 recordings, 240 syllables; greedy: " in said
    assert "without language model: 2" in said  # about a half of the half that is ambiguous
    assert "best: 0.00% with --lm lm.arpa --lm_weight 0." in said
    rows = [line.split("\t") for line in (tmp_path / "out" / "tune.tsv").read_text().splitlines()]
    assert rows[0] == ["lm_weight", "length_bonus", "ser"]
    assert 10 <= len(rows) <= 18
    assert (tmp_path / "out" / "surface.png").read_bytes().startswith(b"\x89PNG")
    assert tune.main([*command, "--points", "3", "--rounds", "1"]) == 0  # from the file
    assert capsys.readouterr().out == said and len(computed) == 1
    # The same by itself, at the point that was found.
    weight, bonus, rate = min(rows[1:], key=lambda row: float(row[2]))
    lm = NgramModel.read(tmp_path / "lm.arpa")
    decoder = BeamSearchDecoder(UNITS, lm=lm, lm_weight=float(weight), length_bonus=float(bonus))
    assert posteriors.score(decoder.decode).rate == pytest.approx(float(rate), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lm", "none.arpa"], "none.arpa"),
        (["--lm", "hanzi.arpa"], "none of the 6 units .* is a word of the language model"),
        (["--lm", "hanzi.arpa", "--points", "1"], "--points must be 2 or more"),
    ],
)
def test_errors_are_reported(
    tmp_path: Path, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    trainer = NgramTrainer(2)
    trainer.add(["你好"])
    trainer.model().write(tmp_path / "hanzi.arpa")
    save_model(AcousticModel(ModelConfig(UNITS, maps=(2, 2, 2, 2), fc=2, rnn=2, rnn_layers=1)), tmp_path / "m", {})
    (tmp_path / "dev.txt").write_text("a.wav\tyi1\t一\n")
    assert tune.main(["--model", "m", "--ref", "dev.txt", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert re.search(message, error)


def test_posteriors_of_something_else_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "m").write_bytes(b"model")
    (tmp_path / "dev.txt").write_text("a.wav\tyi1\t一\n")
    made_of = fingerprint(tmp_path / "m", tmp_path / "dev.txt")
    posteriors = ambiguous(rng, [[2, 3], [4, 5, 2]])
    write_posteriors(tmp_path / "kept.npz", posteriors, made_of)
    again = read_posteriors(tmp_path / "kept.npz", made_of)
    assert (again.references, again.clips) == (posteriors.references, posteriors.clips)
    assert all(np.array_equal(a, b) for a, b in zip(again.pieces, posteriors.pieces, strict=True))
    (tmp_path / "dev.txt").write_text("a.wav\tyi1\t一\nb.wav\tyi1\t一\n")
    with pytest.raises(UsageError, match="posteriors of another model or list"):
        read_posteriors(tmp_path / "kept.npz", fingerprint(tmp_path / "m", tmp_path / "dev.txt"))
    whole = (tmp_path / "kept.npz").read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"no file of numpy"):
        (tmp_path / "kept.npz").write_bytes(broken)
        with pytest.raises(UsageError, match="or is damaged"):
            read_posteriors(tmp_path / "kept.npz", made_of)
    with pytest.raises(ModelError, match="cannot be read"):
        fingerprint(tmp_path / "none", tmp_path / "dev.txt")
