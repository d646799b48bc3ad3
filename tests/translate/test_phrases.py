"""Hotwords in the search of the n-gram translator."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from ctc_decode import ConfusionNetwork, Slot
from ramospeech.text import HotwordReadings
from ramospeech.translate import NgramTranslator, Phrases
from ramospeech.translate.lexicon import Candidates


def phrases(*texts: str, boost: float = 5.0, near: float = 0.0) -> Phrases:
    readings = HotwordReadings()
    for text in texts:
        readings.add(text, boost)
    return Phrases(readings, near)


def network_of(*slots: dict[str | None, float]) -> ConfusionNetwork:
    return ConfusionNetwork(tuple(Slot(tuple(slot.items()), 2 * u, 2 * u + 1) for u, slot in enumerate(slots)))


@pytest.fixture(scope="module")
def shipped() -> NgramTranslator:
    return NgramTranslator.load()


@pytest.mark.parametrize("near", [0.0, 0.5])
@pytest.mark.parametrize("name", ["赵婧祎", "旷视科技", "单田芳", "迪丽热巴", "易烊千玺", "鞠婧祎", "寒武纪"])
def test_a_name_in_hanzi_is_written_in_those_hanzi(shipped: NgramTranslator, name: str, near: float) -> None:
    from pypinyin import Style, lazy_pinyin

    for before, after in (("", ""), ("今天我们请来了", "先生"), ("我想给", "打一个电话")):
        syllables = lazy_pinyin(before + name + after, style=Style.TONE3)
        [found] = shipped.translate(syllables, hotwords=phrases("拼多多", name, near=near))
        assert name in found.hanzi and found.syllables == tuple(syllables)


def test_a_character_that_the_model_does_not_have(small_translator: NgramTranslator) -> None:
    assert "䶮" not in small_translator.model.characters
    readings = HotwordReadings()
    readings["liu2 yan3"] = 5.0
    readings.hanzi["liu2 yan3"] = "刘䶮"
    texts = small_translator.translate(["wo3", "liu2", "yan3", "hao3"], 5, Phrases(readings))
    assert "刘䶮" in texts[0].hanzi and all(len(text.hanzi) == 4 for text in texts)
    assert len({text.hanzi for text in texts}) == len(texts) == 5


def test_hotwords_differ_within_a_batch(small_translator: NgramTranslator) -> None:
    """Each sentence gives what it gives alone; hotwords that do not occur change nothing."""
    sentences = [["ni3", "hao3"], ["jin1", "tian1"], ["ni3", "hao3"], []]
    each = [phrases("拟好"), None, phrases("金田"), phrases("拟好")]
    together = list(small_translator.translate_batch(sentences, 2, each))
    assert together == [small_translator.translate(s, 2, h) for s, h in zip(sentences, each, strict=True)]
    assert together[0][0].hanzi == "拟好" and together[1:3] == [
        small_translator.translate(sentence, 2) for sentence in sentences[1:3]
    ]
    assert [texts[0].hanzi for texts in small_translator.translate_batch(sentences[:2], 1, phrases("金天"))] == [
        "你好",
        "金天",
    ]


def test_a_hotword_brings_out_a_less_likely_alternative(small_translator: NgramTranslator) -> None:
    """In the search of the confusion network: across a position that may be empty, and only as a whole."""
    unsure = network_of(
        {"ni3": 1.0}, {"shang4": 0.85, "san1": 0.15}, {None: 0.9, "de": 0.1}, {"hai3": 0.9, "hai2": 0.1}, {"ma": 1.0}
    )
    [[plain]] = small_translator.translate_networks([unsure])
    assert "三孩" not in plain.hanzi
    for phrase, boost, expected in (("三孩", 12.0, True), ("三孩", 0.01, False), ("三孩子", 12.0, False)):
        [[found]] = small_translator.translate_networks([unsure], 1, phrases(phrase, boost=boost))
        assert ("三孩" in found.hanzi) is expected
        assert len(found.hanzi) == len(found.syllables) == len(found.slots)
        assert not expected or found.syllables[1:3] == ("san1", "hai2")


def test_readings_are_those_of_the_text_and_of_hotwords_as_given(shipped: NgramTranslator) -> None:
    heard = network_of(*({syllable: 0.9, "bie2": 0.1} for syllable in ["wo3", "yi1", "ge4", "peng2", "you3"]))
    [[found]] = shipped.translate_networks([heard])
    assert (found.hanzi, found.syllables) == ("我一个朋友", ("wo3", "yi1", "ge4", "peng2", "you3"))
    assert found.readings == ("wo3", "yi2", "ge4", "peng2", "you3")
    [[found]] = shipped.translate_networks([heard], 1, Phrases({"yi1 ge4": 12.0}))
    assert (found.hanzi, found.readings) == ("我一个朋友", ("wo3", "yi1", "ge4", "peng2", "you3"))
    assert shipped.translate(["yi1", "ge4"])[0].readings == ("yi2", "ge4")
    near = shipped.translate(["san4", "tian2", "fang1"], 1, phrases("单田芳", boost=12.0, near=0.8))[0]
    assert (near.syllables, near.readings) == (("san4", "tian2", "fang1"), ("shan4", "tian2", "fang1"))


def test_near_homophones_if_requested(small_translator: NgramTranslator) -> None:
    observed = ["ni3", "zan4", "guan3", "ma"]
    for near, expected in ((0.0, False), (0.8, True)):
        [found] = small_translator.translate(observed, hotwords=phrases("站馆", boost=10.0, near=near))
        assert ("站馆" in found.hanzi) is expected and found.syllables == tuple(observed)
    twice = ["ni3", "zan4", "guang3", "ma"]  # one syllable may be near, not two
    [found] = small_translator.translate(twice, hotwords=phrases("站馆", boost=10.0, near=0.8))
    assert "站馆" not in found.hanzi
    with pytest.raises(ValueError, match=r"near is 1\.5"):
        phrases("站馆", near=1.5)


def test_a_phrase_in_pinyin_is_found_in_whatever_characters(small_translator: NgramTranslator) -> None:
    unsure = network_of({"wo3": 1.0}, {"xiang3": 0.998, "men": 0.002}, {"qu4": 1.0})
    [[plain]] = small_translator.translate_networks([unsure])
    [[found]] = small_translator.translate_networks([unsure], 1, Phrases({"wo3 men": 12.0}))
    assert plain.syllables[1] == "xiang3" and found.syllables[1] == "men" and found.hanzi.startswith("我们")


def test_chains_are_entered_and_left_at_their_ends_only(small_translator: NgramTranslator, lattices: Callable) -> None:
    """The search compared with all paths through a lattice of plain candidates and two chains."""
    model = small_translator.model
    rng = np.random.default_rng(5)
    plain = [Candidates(np.arange(2, 5, dtype=np.int32), rng.normal(size=3).astype(np.float32)) for _ in range(3)]
    first = [(0, 1, True), (1, 0, True)]  # enter, leave, fixed at the first and second position
    second = [(0, 2, False), (2, 3, False), (3, 0, False)]
    positions = list(plain)
    for chain in (first, second):
        for position, (enter, leave, fixed) in enumerate(chain):
            costs = rng.normal(size=1).astype(np.float32)
            positions[position] = positions[position].extended(np.array([6], np.int32), costs, enter, leave, fixed)
    [searched] = lattices(model, [(positions, [-np.inf] * 3)])
    found = searched.best_paths(10**4)
    allowed = set()
    for path in itertools.product(*(range(len(position)) for position in positions)):
        ports = [(position.ports()[0][n], position.ports()[1][n]) for position, n in zip(positions, path, strict=True)]
        joints = zip([(0, 0), *ports], [*ports, (0, 0)], strict=True)
        if all(before[1] == after[0] for before, after in joints):
            allowed.add(path)
    assert {tuple(path) for _, path in found} == allowed and len(found) == len(allowed)
    assert [score for score, _ in found] == sorted((score for score, _ in found), reverse=True)
    assert np.isfinite([score for score, _ in found]).all()
