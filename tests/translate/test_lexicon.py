"""The characters of a syllable."""

import pytest

from ramospeech.text import Vocabulary
from ramospeech.translate import NgramTranslator
from ramospeech.translate.lexicon import FALLBACK, NO_CHARACTER, Lexicon, reading_probabilities


@pytest.mark.parametrize(
    ("syllables", "hanzi"),
    [
        ("ni3 hao3 ma", "你好吗"),
        ("ni2 hao3 ma5", "你好吗"),  # third-tone sandhi, 5
        ("zhan2 lan2 guan3", "展览馆"),  # twice
        ("ni3 hao3 ma1", "你好吗"),  # a full tone for a neutral one
        ("wo3 men2 jin1 tian1 qu4", "我们今天去"),
        ("ta1 yi4 zhi2 zai4", "他一直在"),
        ("bu2 shi4 wo3 bu4 ming2 bai2", "不是我不明白"),
        ("ni hao ma", "你好吗"),  # no tones at all
        ("NI3 Hǎo", "你好"),
        ("yin2 hang2 zai4 na3 li3", "银行在哪里"),
    ],
)
def test_regular_deviations_are_accepted(
    small_model: str, small_translator: NgramTranslator, syllables: str, hanzi: str
) -> None:
    strict = NgramTranslator.load(small_model, tone_cost=None)
    assert strict.translate(syllables.split())[0].hanzi == hanzi
    assert small_translator.translate(syllables.split())[0].hanzi == hanzi


def test_a_wrong_tone_is_accepted_at_a_cost(small_model: str, small_translator: NgramTranslator) -> None:
    wrong, right = ["jin4", "tian1", "tian1", "qi4"], ["jin1", "tian1", "tian1", "qi4"]
    assert small_translator.translate(wrong)[0].hanzi == "今天天气"
    assert small_translator.translate(wrong)[0].score < small_translator.translate(right)[0].score
    assert not NgramTranslator.load(small_model, tone_cost=None).translate(wrong)[0].hanzi.startswith("今")


@pytest.mark.parametrize("wrong", ["jing1 tian1 tian1 qi4 hen3 hao3", "jin1 tian1 tian1 qi4 heng3 hao3"])
def test_a_similar_sound_is_accepted_at_a_cost(small_translator: NgramTranslator, wrong: str) -> None:
    assert small_translator.translate(wrong.split())[0].hanzi == "今天天气很好"
    for trusting in (
        NgramTranslator(small_translator.model, near_cost=None),
        NgramTranslator(small_translator.model, None),
    ):
        assert trusting.translate(wrong.split())[0].hanzi != "今天天气很好"


def test_tokens_that_are_not_syllables_keep_the_length(small_translator: NgramTranslator) -> None:
    odd = ["ni3", "xyz", "hao3", "", "<UNK>", "１２", "\ud800", "huar1", "x" * 500]
    (translation,) = small_translator.translate(odd)
    assert translation.hanzi[:3] == f"你{FALLBACK}好"
    assert len(translation.hanzi) == len(odd)
    assert translation.hanzi.count(FALLBACK) == 6
    assert small_translator.translate([])[0].hanzi == ""


def test_every_syllable_of_the_inventory_has_a_character(small_translator: NgramTranslator) -> None:
    lexicon = small_translator.model.lexicon
    without = [s for s in Vocabulary.inventory().units[2:] if lexicon.candidates([[(s, 1.0)]])[0] is NO_CHARACTER]
    assert {s.rstrip("1234") for s in without} <= {"fe", "yai"}  # pypinyin has no character for these
    assert not lexicon.can_read("fe1") and lexicon.can_read("hao5") and not lexicon.can_read("xyz")


def test_readings_of_polyphones_are_weighted_by_the_text() -> None:
    characters = "\n□行"
    annotated = [("行", ["hang2"])] * 9 + [("行", ["xing2"])] + [("行行", ["xing2"])]  # the last does not align
    p = reading_probabilities(characters, annotated)
    assert p["hang2", 2] > 2 * p["xing2", 2] > 0
    assert 0 < p["heng2", 2] < p["xing2", 2]  # in the dictionary only
    lexicon = Lexicon.build(p)
    assert lexicon.candidates([[("hang2", 1.0)]])[0].ids.tolist() == [2]
