"""Latencies and texts of readings that are known, and a run over one clip."""

import sys

import pytest

from ramospeech.transcript import Token


@pytest.fixture
def streaming(root, monkeypatch):
    """The module `streaming`, imported as it is when it is run."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import streaming

    yield streaming
    sys.modules.pop("streaming", None)


@pytest.fixture
def readings(streaming):
    """`ni` at 0.2 s, read as `li` at first; `hao` at 0.6 s; final at 1.6 s."""

    def reading(clock, text, settled=0, final=False):
        starts = (0.2, 0.6)
        tokens = [Token(t, t, s, s + 0.2, 0.9) for t, s in zip(text.split(), starts, strict=False)]
        return streaming.Reading(clock, clock - 0.1, tuple(tokens), settled, final)

    return [
        reading(0.5, "li"),
        reading(0.7, "ni"),
        reading(0.9, "ni hao"),
        reading(1.1, "ni hao", 1),
        reading(1.6, "ni hao", 2, True),
    ]


def test_delays(streaming, readings):
    shown, right, stable, final, corrected = streaming.delays(readings)
    assert shown == pytest.approx([0.1, 0.1]) and right == pytest.approx([0.3, 0.1])
    assert stable == pytest.approx([0.7, 0.8]) and final == pytest.approx(0.8)
    assert corrected == [True, False]


@pytest.mark.parametrize(
    ("look_ahead", "text", "late"),
    [(0.0, "li hao", [0.1, 0.1]), (0.15, "ni hao", [0.3, 0.3]), (9.0, "ni hao", [1.2, 0.8])],
)
def test_written_once_for_all(streaming, readings, look_ahead, text, late):
    found, behind = streaming.once_for_all(readings, look_ahead)
    assert " ".join(found) == text and behind == pytest.approx(late)


def test_a_run_is_kept_and_drawn(streaming, readings, root, tmp_path):
    clip = streaming.Listened(["ni", "hao"], ["ni", "hao"], 2.0, readings, [(1.0, 0.1)])
    streaming.save([clip], tmp_path / "a" / "b.json")
    kept = streaming.load(tmp_path / "a" / "b.json")
    assert kept[0].readings[2].tokens[1].pinyin == "hao" and kept[0].costs == [(1.0, 0.1)]
    streaming.draw({("fast", 6.0): kept}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert (
        "| `fast` | 6 s | 0.05 s | 0.10 s | 100 / 100 | 200 / 290 | 750 / 795 | 800 / 800 | 50.0 % | 0.0 | 0.0 |"
        in streaming.table({("fast", 6.0): kept})
    )


def test_a_clip_is_recognised(streaming, root):
    clip = root / "demo" / "audio" / "test" / "0001.ogg"
    [found] = streaming.run("fast", 6.0, [(clip, ["da3", "kai1"])])
    live = [token.pinyin for reading in found.readings if reading.final for token in reading.tokens]
    assert live == found.whole and len(found.readings) > 10
    clocks = [reading.clock for reading in found.readings]
    assert clocks == sorted(clocks) and all(reading.clock > reading.now - 0.2 for reading in found.readings)
