"""The benchmark of punctuation: what it counts."""

import pytest

from benchmarks.punctuation import by_length, by_pause, f1, marks_of


def test_f1_leaves_out_what_is_not_known() -> None:
    scores = f1(["，", "", "。", "，", "。"], ["，", "，", "。", None, "，"])
    assert scores == pytest.approx({"，": 0.5, "。": 2 / 3, "？": 0.0, "any mark": 6 / 7})


def test_marks_are_found_in_a_transcript_with_errors() -> None:
    reference = [("你", ""), ("好", "，"), ("我", ""), ("走", "。")]
    assert marks_of(["你", "号", "我", "走"], reference) == ["", "，", "", "。"]
    assert marks_of(["啊", "你", "好", "走"], reference) == [None, "", "，", "。"]


def test_rules() -> None:
    assert [i for i, mark in enumerate(by_length("好" * 40), 1) if mark == "，"] == [9, 18, 27]
    assert by_pause([0.0, 0.3, 1.0]) == ["", "，", "。"]
