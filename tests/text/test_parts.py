"""Initials, finals and tones of syllables."""

import pytest
from pypinyin.contrib.tone_convert import to_finals, to_initials

from ramospeech.text import BLANK_UNIT, UNK_UNIT, Vocabulary, parts, pinyin


@pytest.mark.parametrize(
    ("syllable", "expected"),
    [
        ("ni3", ("n", "i", "3")),
        ("zhi1", ("zh", "-i", "1")),
        ("si4", ("s", "-i", "4")),
        ("ju2", ("j", "v", "2")),
        ("lv4", ("l", "v", "4")),
        ("lu4", ("l", "u", "4")),
        ("you3", ("∅", "iou", "3")),
        ("liu2", ("l", "iou", "2")),
        ("wei4", ("∅", "uei", "4")),
        ("yuan2", ("∅", "van", "2")),
        ("er2", ("∅", "er", "2")),
        ("ng4", ("∅", "ng", "4")),
        ("de", ("d", "e", "5")),
    ],
)
def test_syllables(syllable, expected):
    assert parts.split(syllable) == expected


@pytest.mark.parametrize("token", [UNK_UNIT, BLANK_UNIT, "你", "???", "huar1", "NI3", ""])
def test_tokens_that_are_not_syllables(token):
    assert set(parts.split(token)) == {parts.OTHER}
    assert parts.phonetic_similarity(token, token) == 0


def test_every_syllable_of_the_inventory_has_its_own_parts():
    syllables = Vocabulary.inventory().units[2:]
    found = {parts.split(syllable): syllable for syllable in syllables}
    for initial, final, tone in found:
        assert initial in parts.INITIALS
        assert final in parts.FINALS
        assert tone in parts.TONES
        assert parts.OTHER not in (initial, final, tone)
    shared = [s for s in syllables if found[parts.split(s)] != s]
    assert {s.rstrip("1234") for s in shared} <= {"yo", "o", "yai", "ai"}, shared  # pypinyin has one final for both


def test_likeness():
    assert [parts.phonetic_similarity("shi4", other) for other in ("shi4", "shi2", "si4", "shu4", "ba4", "ba1")] == [
        5, 4, 3, 3, 1, 0
    ]  # fmt: skip


def test_the_parts_are_those_of_pypinyin():
    """Of every syllable of the inventory."""
    differing = []
    for syllable in Vocabulary.inventory().units[2:]:
        bare = pinyin.toneless(syllable)
        initial, final = to_initials(bare, strict=True), to_finals(bare, strict=True, v_to_u=False)
        if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
            final = "-i"
        expected = (initial or parts.ZERO, final) if final else (parts.ZERO, bare)
        if parts.split(syllable)[:2] != expected:
            differing.append((syllable, parts.split(syllable), expected))
    assert differing == []
