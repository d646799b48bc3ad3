"""What is taken for what on dev clips."""

from collections import Counter

import pytest

from ramospeech.training.confusions import as_markdown, by_part, count_pairs, error_rate
from ramospeech.training.monitor import Meter, Monitor

CLIPS = [(("ni3", "hao3", "ma"), ("ni2", "hao3")), (("shi4",), ("si4", "a1"))]


def test_confusions_of_tones_initials_and_finals_are_counted():
    found = by_part(count_pairs(CLIPS))
    assert found["tone"] == Counter({("3", "2"): 1, ("3", "3"): 1, ("5", ""): 1, ("4", "4"): 1, ("", "1"): 1})
    assert found["initial"]["sh", "s"] == 1 and found["initial"]["h", "h"] == 1
    assert found["final"]["ao", "ao"] == 1 and sum(found["final"].values()) == 5
    assert error_rate(found["tone"]) == 0.5 and error_rate(Counter()) == 1.0


def test_counts_of_workers_add_up():
    assert count_pairs(CLIPS[:1]) + count_pairs(CLIPS[1:]) == count_pairs(CLIPS)


@pytest.mark.parametrize("width", [2, 16])
def test_errors_are_marked(width):
    shown = as_markdown(*CLIPS[0], width=width)
    assert shown.count("**ni2**") == 1 and shown.count("**∗**") == 1 and "**hao3**" not in shown
    assert shown.count("| ref") == (2 if width == 2 else 1)
    rows = [line for line in shown.split("\n") if line]
    assert all(line.startswith("|") and line.endswith("|") for line in rows) and as_markdown((), ())


def test_the_meter_tells_how_long_it_waited():
    meter = Meter()
    assert list(meter.waiting([1, 2])) == [1, 2] and meter.waited > 0
    meter.steps = 1
    values = meter.reset(7200.0)
    assert 0 < values["speed/loader_wait"] <= 1 and values["train/hours"] == 2.0
    assert meter.waited == 0


def test_other_ranks_show_nothing(tmp_path):
    Monitor(tmp_path / "events", False, 1).confusions("tone", Counter({("1", "1"): 1}), 0)
    assert not (tmp_path / "events").exists()
