"""The report: what is counted, what is missing, how texts are normalised."""

import json

import pytest

from ramospeech.score import ErrorReport, Pair, characters, readings, syllables
from ramospeech.text.units import UNITS


def pair(name, ref, hyp, found=True):
    """A pair of hanzi whose syllables pypinyin reads."""
    ref, hyp = characters(ref), characters(hyp)
    return Pair(name, readings(ref), ref, readings(hyp), hyp, found)


@pytest.fixture
def sample():
    return ErrorReport(
        (pair("a", "今天天气好", "今天天汽好"), pair("b", "你好", "", found=False), pair("c", "好", "好")), ("z",)
    )


def test_rates_are_of_the_corpus(sample):
    entry = sample.as_dict()
    assert entry["clips"] == 3
    assert (entry["missing"], entry["extra"]) == (["b"], ["z"])
    assert entry["ser"]["errors"] == entry["ser"]["deletions"] == 2
    assert entry["ser"]["rate"] == pytest.approx(2 / 8)
    assert entry["cer"]["rate"] == pytest.approx(3 / 8)
    assert entry["cer"]["substitutions"] == 1
    assert entry["cer"]["sentence_accuracy"] == pytest.approx(1 / 3)
    low, high = entry["cer"]["interval_95"]
    assert low <= entry["cer"]["rate"] <= high
    json.dumps(entry)


def test_the_table_shows_counts(sample):
    table = sample.as_table()
    assert "3 clips, 1 of them without a hypothesis" in table
    assert "1 hypotheses without a reference" in table
    assert [line.split()[:2] for line in table.splitlines()[-3:]] == [
        ["SER", "25.00"],
        ["SER", "toneless"],
        ["CER", "37.50"],
    ]
    assert len({len(line) for line in table.splitlines()[-4:]}) == 1


def test_references_without_hanzi_have_no_cer():
    assert set(ErrorReport((Pair("a", ("ni3",), (), ("ni3",)),)).scores) == {"ser", "ser_toneless"}


def test_worst_and_details(sample):
    assert sample.worst().startswith("b  2 of 2 wrong\n  ref ni3 hao3\n  hyp *   *\n")
    assert "c  " not in sample.worst()
    rows = [line.split("\t") for line in sample.details().splitlines()]
    assert [row[0] for row in rows] == ["id", "a", "b", "c"]
    assert dict(zip(rows[0], rows[1], strict=True))["cer_errors"] == "1"
    assert rows[2][1] == "0"


def test_tokens_that_are_not_pinyin_are_scored_as_wrong():
    assert syllables("Ni3 hao3 ma5 <UNK> 42") == ("ni3", "hao3", "ma", "<UNK>", "42")
    assert ErrorReport((Pair("a", ("ni3",), (), syllables("?")),)).scores["ser"].rate == 1.0


def test_both_sides_are_normalised():
    assert characters("我有 3 个 iPad。") == ("我", "有", "三", "个", "<UNK>")
    assert ErrorReport((pair("a", "3个！", "三个"),)).scores["cer"].rate == 0.0


def test_recognition_rates_of_korean_with_and_without_spaces():
    units = UNITS["jamo"]
    pairs = [
        Pair(str(n), tuple(units.from_text(ref)), (), tuple(units.from_text(hyp)), ())
        for n, (ref, hyp) in enumerate([("안녕 하세요", "안녕하세오"), ("네", "네")])
    ]
    report = ErrorReport(tuple(pairs), units=units)
    table, entry = report.as_table().splitlines(), report.as_dict()
    # One of 6 syllables; with the spaces two of 7; of words both of the first clip and a word is missing.
    assert {"CER: 0.50 errors per clip on average", "CRR: 83.33 %", "CRR with spaces: 71.43 %"} <= set(table)
    assert entry["cer"]["recognition_rate"] == pytest.approx(5 / 6) and entry["cer"]["mean_distance"] == 0.5
    assert entry["cer_spaces"]["errors"] == 2 and entry["wer"]["errors"] == 2 and entry["wer"]["length"] == 3
    assert "recognition_rate" not in entry["wer"]


def test_the_mean_distance_counts_spaces_among_characters():
    units = UNITS["characters"]
    pairs = [Pair("a", tuple(units.from_text("THE CAT SAT")), (), tuple(units.from_text("THE CATS AT")), ())]
    report = ErrorReport((*pairs, *pairs), units=units)
    assert report.main.distance == 2 and report.scores["wer"].total.errors == 4
