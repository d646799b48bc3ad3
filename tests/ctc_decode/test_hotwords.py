"""Hotwords: what an automaton adds to a label sequence against counting phrases in it, by hand and by hypothesis."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc_decode import BeamSearchDecoder, Hotwords
from ctc_decode.hotwords import _spellings_of
from ctc_decode.similar import similar_syllables

VOCABULARY = ("<blank>", "<UNK>", "a1", "b2", "c3", "d4")
CHINESE = ("<blank>", "<UNK>", "bei3", "bei4", "jing1", "jin1", "zhong1", "zong1", "guo2", "guo")


def total(automaton, ids):
    """What the automaton adds to a whole label sequence."""
    state, score = automaton.start, 0.0
    for unit in ids:
        state, weight = automaton.step(state, unit)
        score += weight
    return score + float(automaton.final[state])


def counted(spellings, labels):
    """Each occurrence of each spelling adds its boost."""
    score = 0.0
    for units, boost in spellings.items():
        n = len(units)
        score += boost * sum(tuple(labels[i : i + n]) == units for i in range(len(labels) - n + 1))
    return score


def ids_of(text, vocabulary=VOCABULARY):
    return [vocabulary.index(unit) for unit in text.split()]


PHRASES = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(" ".join), st.floats(0.1, 20.0), max_size=8
)


@settings(max_examples=200, deadline=None)
@given(PHRASES, st.lists(st.integers(1, 4), max_size=14))
def test_an_occurrence_adds_its_boost_and_nothing_else_does(phrases, ids):
    vocabulary = ("<blank>", "a", "b", "c", "d")
    spellings = {tuple(phrase.split()): boost for phrase, boost in phrases.items()}
    automaton = Hotwords(phrases).automaton(vocabulary)
    expected = counted(spellings, [vocabulary[i] for i in ids])
    assert total(automaton, ids) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.lists(st.sampled_from(("ba1", "ba2", "la1", "na1", "lan2")), min_size=1, max_size=3).map(" ".join),
        st.floats(0.1, 9.0),
        max_size=4,
    ),
    st.integers(0, 3),
    st.lists(st.integers(1, 8), max_size=8),
)
def test_near_spellings_by_enumeration(phrases, near_units, ids):
    vocabulary = ("<blank>", "ba1", "ba2", "la1", "na1", "lan2", "lang2", "nan2", "e4")
    spellings: dict[tuple[str, ...], float] = {}
    for phrase, boost in phrases.items():
        units = phrase.split()
        for spelling in product(vocabulary[1:], repeat=len(units)):
            changes = [(unit, other) for unit, other in zip(units, spelling, strict=True) if unit != other]
            if len(changes) <= near_units and all(other in similar_syllables(unit) for unit, other in changes):
                spellings[spelling] = max(boost * 0.5 ** len(changes), spellings.get(spelling, 0.0))
    automaton = Hotwords(phrases, near=0.5, near_units=near_units).automaton(vocabulary)
    expected = counted(spellings, [vocabulary[i] for i in ids])
    assert total(automaton, ids) == pytest.approx(expected, abs=1e-4)


def test_a_part_at_each_unit_and_taken_back_when_the_phrase_breaks():
    automaton = Hotwords({"a1 b2 c3": 6.0}).automaton(VOCABULARY)
    state, weights = automaton.start, []
    for unit in ids_of("a1 b2 d4"):
        state, weight = automaton.step(state, unit)
        weights.append(weight)
    assert weights == pytest.approx([2.0, 2.0, -4.0])
    assert total(automaton, ids_of("a1 b2")) == pytest.approx(0.0)
    assert total(automaton, ids_of("a1 b2 c3")) == pytest.approx(6.0)


def test_overlapping_and_nested_phrases_all_count():
    automaton = Hotwords({"a1 b2": 1.0, "b2 c3": 2.0, "a1 b2 c3 d4": 4.0}).automaton(VOCABULARY)
    assert total(automaton, ids_of("a1 b2 c3")) == pytest.approx(3.0)
    assert total(automaton, ids_of("a1 b2 c3 d4")) == pytest.approx(7.0)
    assert total(automaton, ids_of("a1 a1 b2 a1")) == pytest.approx(1.0)


def test_what_a_state_has_in_advance_is_never_more_than_the_boost():
    """Also while a suffix is in a phrase of its own: nothing is given twice."""
    automaton = Hotwords({"a1 b2 c3": 6.0, "b2 c3 d4": 6.0}).automaton(VOCABULARY)
    for text in ("a1 b2", "b2 c3", "a1 b2 c3"):
        state, score = automaton.start, 0.0
        for unit in ids_of(text):
            state, weight = automaton.step(state, unit)
            score += weight
        assert -float(automaton.final[state]) == pytest.approx(4.0)
        assert score == pytest.approx(4.0 + (6.0 if text == "a1 b2 c3" else 0.0))


def test_near_homophones_at_lower_weight():
    hotwords = Hotwords(["bei3 jing1", "zhong1 guo2"], boost=8.0, near=0.5)
    automaton = hotwords.automaton(CHINESE)
    for text, boost in {
        "bei3 jing1": 8.0,
        "bei4 jing1": 4.0,
        "bei3 jin1": 4.0,
        "bei4 jin1": 0.0,  # two near units, and one is allowed
        "zong1 guo2": 4.0,
        "zhong1 guo": 4.0,
        "zhong1 guo2": 8.0,
    }.items():
        assert total(automaton, ids_of(text, CHINESE)) == pytest.approx(boost), text
    two = Hotwords(["bei3 jing1"], boost=8.0, near=0.5, near_units=2).automaton(CHINESE)
    assert total(two, ids_of("bei4 jin1", CHINESE)) == pytest.approx(2.0)
    none = Hotwords(["bei3 jing1"]).automaton(CHINESE)
    assert total(none, ids_of("bei4 jing1", CHINESE)) == 0.0


@pytest.mark.parametrize(
    ("syllable", "near", "not_near"),
    [
        ("zhong1", {"zong1", "zhong2", "zhong"}, {"zhhong1", "zhong1"}),
        ("si4", {"shi4", "si1"}, {"si4"}),
        ("shi4", {"si4"}, {"shhi4"}),
        ("lin2", {"ling2", "nin2", "rin2"}, set()),
        ("ang1", {"an1"}, set()),
        ("fan4", {"han4", "huan4", "fang4"}, set()),
        ("hui1", {"fei1"}, set()),
        ("ma", {"ma1", "ma2", "ma3", "ma4"}, {"ma"}),
    ],
)
def test_similar_syllables(syllable, near, not_near):
    assert near <= similar_syllables(syllable)
    assert not not_near & similar_syllables(syllable)


def test_no_hotwords_add_nothing():
    automaton = Hotwords([]).automaton(VOCABULARY)
    assert automaton.states == 1
    assert total(automaton, [1, 2, 3]) == 0.0


def test_a_repeated_phrase_counts_once_with_its_highest_boost():
    automaton = Hotwords({"a1 b2": 1.0, " a1   b2 ": 3.0, "b2": 0.5}).automaton(VOCABULARY)
    assert total(automaton, ids_of("a1 b2")) == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hotwords("bei3 jing1"), "is one string"),
        (lambda: Hotwords(["a1", " "]), "hotword 2 is empty"),
        (lambda: Hotwords({"a1": -1.0}), r"hotword 1 \(a1\): its boost is -1.0"),
        (lambda: Hotwords({"a1": float("nan")}), "its boost is nan"),
        (lambda: Hotwords(["a1"], near=1.5), "near is 1.5"),
        (lambda: Hotwords(["a1"], near_units=-1), "near_units is -1"),
        (lambda: Hotwords(["a1", "b2 北"]).automaton(VOCABULARY), r"hotword 2 \(b2 北\): '北' is not a unit"),
    ],
)
def test_bad_hotwords_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_too_many_spellings_are_refused_before_they_fill_the_memory():
    syllables = [f"{base}{tone}" for base in ("lan", "lin", "zhan", "shan") for tone in ("", *"1234")]
    vocabulary = ["<blank>", *sorted({other for s in syllables for other in similar_syllables(s)} | set(syllables))]
    hotwords = Hotwords([" ".join(["lan2"] * 12)], near=0.5, near_units=12)
    with pytest.raises(ValueError, match=r"[\d,]+ spellings, more than .* a near_units below 12"):
        hotwords.automaton(vocabulary)


@pytest.mark.parametrize(("near", "changes"), [([2, 3], 1), ([2, 0, 3, 1], 2), ([4], 0), ([1, 1, 1], 3), ([], 0)])
def test_spellings_are_counted(near, changes):
    places = product(*(range(others + 1) for others in near))
    assert _spellings_of(near, changes) == sum(sum(map(bool, place)) <= changes for place in places)


def test_ten_thousand_are_built_in_seconds(rng):
    bases = ["ban", "lin", "zhang", "shi", "huo", "ren", "ma", "qu", "xie", "dong"] * 30
    vocabulary = ["<blank>", *(f"{base}{i}x{tone}" for i, base in enumerate(bases) for tone in ("", *"1234"))]
    phrases = [" ".join(rng.choice(vocabulary[1:], rng.integers(2, 6))) for _ in range(10_000)]
    began = time.process_time()
    automaton = Hotwords(phrases, near=0.5).automaton(vocabulary)
    assert time.process_time() - began < 10.0
    text = phrases[1234].split()
    assert total(automaton, [vocabulary.index(unit) for unit in text]) >= 5.0 - 1e-4
    assert np.isfinite(automaton.weight).all()


def test_the_blank_is_not_a_part_of_a_hotword():
    with pytest.raises(ValueError, match="a hotword has the blank, '<blank>'"):
        BeamSearchDecoder(["<blank>", "ni3", "hao3"], hotwords=["ni3 <blank> hao3"])
