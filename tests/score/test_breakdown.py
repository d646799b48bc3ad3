"""Errors by tone, initial, final, length, speaker and corpus: against counts made by hand."""

import json

import pytest

from ramospeech.score import Breakdown, ErrorReport, Pair, align_edits, breakdown
from ramospeech.text.parts import phonetic_similarity

AISHELL = "data_aishell/wav/test/S0764/BAC009S0764W0121.wav"
THCHS = "data_thchs30/data/A11_0.wav"
PAIRS = (
    Pair(AISHELL, ("zhong1", "guo2", "ren2"), ("中", "国", "人"), ("zong1", "guo4"), ("中", "国")),
    Pair(THCHS, ("zhi1", "de"), (), ("zhi1", "le", "ma"), ("支", "了")),
    Pair("data_thchs30/data/A11_1.wav", ("zhi1",), ("支",), ("zhi1",), ("支",)),
)


@pytest.fixture
def split_parts():
    return Breakdown(ErrorReport(PAIRS))


def test_by_part(split_parts):
    entry = split_parts.as_dict()
    assert list(entry["by_tone"]) == ["1", "2", "5"]
    assert entry["by_tone"]["1"] | {"interval_95": 0, "syllable_interval_95": 0} == {
        "syllables": 3,
        "clips": 3,
        "rate": 0.0,
        "interval_95": 0,
        "errors": 0,
        "syllable_rate": pytest.approx(1 / 3),
        "syllable_interval_95": 0,
        "syllable_errors": 1,
        "missed": 0,
        "taken_for": {},
    }
    second = entry["by_tone"]["2"]
    assert (second["errors"], second["missed"], second["taken_for"]) == (2, 1, {"4": 1})
    assert entry["by_initial"]["zh"]["taken_for"] == {"z": 1}
    assert entry["by_initial"]["zh"]["rate"] == pytest.approx(1 / 3)
    assert entry["by_initial"]["zh"]["interval_95"] == [0.0, 1.0]
    assert entry["by_initial"]["d"]["taken_for"] == {"l": 1}
    assert set(entry["by_final"]) == {"-i", "e", "en", "ong", "uo"}
    assert entry["by_final"]["e"]["rate"] == 0.0
    assert entry["by_final"]["e"]["syllable_rate"] == 1.0
    assert entry["inserted"] == {"tone": {"5": 1}, "initial": {"m": 1}, "final": {"a": 1}}
    json.dumps(entry)


def test_parts_add_up_to_the_syllables(split_parts):
    total = split_parts.report.scores["ser"].total
    for errors in split_parts.parts.values():
        assert sum(score.total.length for score in errors.syllable_errors.values()) == total.length
        assert sum(score.total.errors for score in errors.syllable_errors.values()) == total.errors - total.insertions
        assert sum(score.total.deletions for score in errors.part_errors.values()) == total.deletions


def test_confusions_come_most_frequent_first():
    pairs = [Pair(str(n), ("si4", "si4"), (), ("shi4", "shi2" if n else "ba1")) for n in range(3)]
    initial = Breakdown(ErrorReport(tuple(pairs))).parts["initial"]
    assert initial.confusions() == [("s", "sh", 5), ("s", "b", 1)]
    assert initial.confusions("b") == []


def test_by_groups(split_parts):
    entry = split_parts.as_dict()
    assert list(entry["by_length"]) == ["1", "2-4"]
    assert entry["by_length"]["2-4"]["ser"]["rate"] == pytest.approx(5 / 5)
    assert entry["by_length"]["2-4"]["ser"]["clips"] == 2
    assert list(entry["by_speaker"]) == ["S0764", "A11"], "the worst first"
    assert entry["by_speaker"]["A11"]["ser"]["errors"] == 2
    assert list(entry["by_corpus"]) == ["data_aishell", "data_thchs30"]
    assert entry["by_corpus"]["data_aishell"]["cer"]["rate"] == pytest.approx(1 / 3)


def test_a_group_without_hanzi_has_no_cer():
    entry = Breakdown(ErrorReport((PAIRS[0], Pair("x/y.wav", ("ni3",), (), ("ni3",), ("你",))))).as_dict()
    assert set(entry["by_corpus"]["x"]) == {"ser", "ser_toneless"}
    assert "cer" in entry["by_corpus"]["data_aishell"]


@pytest.mark.parametrize(
    ("path", "speaker", "corpus"),
    [
        (AISHELL, "S0764", "data_aishell"),
        ("wav/S0002/x.wav", "S0002", "wav"),
        ("BAC009S0764W0121.wav", "S0764", "."),
        ("D31_999.wav", "D31", "."),
        ("demo/A11_x.wav", "demo", "demo"),
        ("/abs/x/y.wav", "/abs/x", "abs"),
        ("y.wav", ".", "."),
    ],
)
def test_speaker_and_corpus_of_a_path(path, speaker, corpus):
    assert (breakdown.speaker_of(path), breakdown.corpus_of(path)) == (speaker, corpus)


def test_length_bins_have_no_gap():
    bins = list(dict.fromkeys(breakdown.length_bin(n) for n in range(40)))
    assert bins == ["0", "1", "2-4", "5-9", "10-14", "15-19", "20-29", "30+"]


def test_of_equal_alignments_the_likest(rng):
    """What is missed is the syllable that sounds like nothing heard, not the last one."""
    assert align_edits(["ba1", "shi4", "guo2"], ["si4"], phonetic_similarity) == [
        ("ba1", ""),
        ("shi4", "si4"),
        ("guo2", ""),
    ]
    assert align_edits(["shi4"], ["de", "ma", "si4"], phonetic_similarity) == [("", "de"), ("", "ma"), ("shi4", "si4")]
    for _ in range(200):
        ref, hyp = (
            [str(s) for s in rng.choice(["ba1", "pa1", "shi4", "si4", "de"], rng.integers(0, 9))] for _ in range(2)
        )
        pairs, plain = align_edits(ref, hyp, phonetic_similarity), align_edits(ref, hyp)
        assert [left for left, _ in pairs if left] == ref
        assert [right for _, right in pairs if right] == hyp
        assert sum(a != b for a, b in pairs) == sum(a != b for a, b in plain)
        assert sum(phonetic_similarity(a, b) for a, b in pairs) >= sum(phonetic_similarity(a, b) for a, b in plain)
