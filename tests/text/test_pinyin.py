"""Pinyin of every spelling against what it means."""

import time
import unicodedata

import pytest
from pypinyin.contrib.tone_convert import tone3_to_tone

from ramospeech.errors import UnitError
from ramospeech.text import Vocabulary, pinyin

SYLLABLES = Vocabulary.inventory().units[2:]
NO_PINYIN = "xyz ni6 ni33 3ni 5 beijing wto her hǎo3 nǜe4 u:4 <blank> ni3_hao3 你 zhongguo2 x́ 1.5"


@pytest.mark.parametrize(
    ("written", "syllables"),
    [
        ("ni3 hao3", "ni3 hao3"),
        ("  ni3\thao3\u3000ma \n", "ni3 hao3 ma"),
        ("", ""),
        # the neutral tone
        ("de de5 de0", "de de de"),
        ("dou4fu", "dou4 fu"),
        # ü
        ("lü4 lv4 lu:4 LU:4 lyu4 lǜ", "lv4 lv4 lv4 lv4 lv4 lv4"),
        ("lue4 lve4 lüe4 lu:e4 lyue4 lüè", "lve4 lve4 lve4 lve4 lve4 lve4"),
        ("nue4 nve4 nüe4 nüè nyu3 nǚ nv5", "nve4 nve4 nve4 nve4 nv3 nv3 nv"),
        ("jü2 jv4 qü4 qv xü1 xǖ yü2 yv4", "ju2 ju4 qu4 qu xu1 xu1 yu2 yu4"),
        ("jve2 jüe2 qve4 xüan1 yve4 yvan2", "jue2 jue2 que4 xuan1 yue4 yuan2"),
        ("lu4 nu3 luan4 nuo4 yue4", "lu4 nu3 luan4 nuo4 yue4"),
        # tone marks, composed and not, and a breve for a caron
        ("nī ní nǐ nì ni", "ni1 ni2 ni3 ni4 ni"),
        ("ni\u030c hao\u0306 lu\u0308\u0300", "ni3 hao3 lv4"),
        ("ḿ ń ňg ǹg ế ê̄", "m2 n2 ng3 ng4 ê2 ê1"),
        # width and case
        ("ｎｉ３ ＨＡＯ３ Ni3 HAO3 Nǐ hao³", "ni3 hao3 ni3 hao3 ni3 hao3"),
        # run together
        ("ni3hao3 ni3hao3ma5", "ni3 hao3 ni3 hao3 ma"),
        ("nǐhǎo péngyou Zhōngguórén", "ni3 hao3 peng2 you zhong1 guo2 ren2"),
        ("xi1'an1 xī’ān xīān xian1 xiān xi'an", "xi1 an1 xi1 an1 xi1 an1 xian1 xian1 xi an"),
        ("fāngàn fāng'àn Běi-jīng nǚér", "fan1 gan4 fang1 an4 bei3 jing1 nv3 er2"),
        # erhua
        ("huar1 yi4dianr3 kuair4 zher5", "hua1 er2 yi4 dian3 er2 kuai4 er2 zhe er2"),
        ("hua1 r5 hua1r nàr shuāngr", "hua1 er2 hua1 er2 na4 er2 shuang1 er2"),
        ("er2 er4 er5 ér nv3'er2", "er2 er4 er er2 nv3 er2"),
        # tones with sandhi stay
        ("ni2 hao3 yi2 ge4 bu2 shi4", "ni2 hao3 yi2 ge4 bu2 shi4"),
        # letters that pypinyin leaves, and interjections that are letters
        ("ｋ ge1 wu3 ａ T <UNK>", "<UNK> ge1 wu3 <UNK> <UNK> <UNK>"),
        ("a o e m n", "a o e m n"),
        # punctuation around syllables, and letters as textbooks print them
        ("hen3 hao3, wo3 men yuan2.", "hen3 hao3 wo3 men yuan2"),
        ("ni3 hao3！ “ni3” 《hǎo》 (ma5) […hao3…]", "ni3 hao3 ni3 hao3 ma hao3"),
        ("Bei3jing1, Shang4hai3; hao3,wo3 nǐ、hǎo", "bei3 jing1 shang4 hai3 hao3 wo3 ni3 hao3"),
        ("ni3 ， hao3 - ma . '", "ni3 hao3 ma"),
        ("<UNK>, lu: nu:4, lu4: LÜE4...", "<UNK> lv nv4 lu4 lve4"),
        ("zhōnɡɡuó hɑ̌o", "zhong1 guo2 hao3"),
    ],
)
def test_reads(written, syllables):
    assert pinyin.parse(written) == syllables.split()


@pytest.mark.parametrize("token", NO_PINYIN.split())
def test_a_token_that_is_not_pinyin_is_named_with_its_position(token):
    with pytest.raises(UnitError, match=r"^token 3: ") as caught:
        pinyin.parse(f"ni3 hao3 {token} ma")
    assert repr(token) in str(caught.value)


@pytest.mark.parametrize("token", ["huar1", "ni3hao3", "", "ni3 hao3", "qqq"])
def test_one_syllable_is_one(token):
    with pytest.raises(UnitError):
        pinyin.normalise_syllable(token)


def test_normalise_syllable():
    assert pinyin.normalise_syllable(" Lüè\n") == "lve4"


def test_tone_and_toneless():
    assert [pinyin.tone(s) for s in ("ma1", "ma2", "ma3", "ma4", "ma", "<UNK>")] == [1, 2, 3, 4, 5, 5]
    assert [pinyin.toneless(s) for s in ("lv4", "ma", "ê1", "<UNK>", "")] == ["lv", "ma", "ê", "<UNK>", ""]


def _marked(syllable: str) -> str:
    marked = tone3_to_tone(syllable.replace("v", "ü"))
    return syllable if any(digit in marked for digit in "1234") else marked  # it cannot mark a consonant


def _variants(syllable: str) -> list[str]:
    """The same syllable as others write it; tone marks by pypinyin's own converter."""
    marked = _marked(syllable)
    neutral = [f"{syllable}5", f"{syllable}0"] if pinyin.tone(syllable) == 5 else []
    full_width = "".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in syllable)
    written = [syllable.upper(), unicodedata.normalize("NFD", marked), marked, full_width]
    if len(syllable) == 1:  # alone these are letters
        written = neutral
    return [*written, *neutral, syllable.replace("v", "ü"), syllable.replace("v", "u:")]


@pytest.mark.parametrize("initial", sorted({syllable[0] for syllable in SYLLABLES}))
def test_every_syllable_in_every_spelling(initial):
    for syllable in (s for s in SYLLABLES if s[0] == initial):
        assert {variant: pinyin.parse(variant) for variant in _variants(syllable)} == {
            variant: [syllable] for variant in _variants(syllable)
        }


def test_every_pair_run_together_splits_again(rng):
    toned = [s for s in SYLLABLES if pinyin.tone(s) != 5]
    for first, second in rng.choice(toned, (2000, 2)):
        assert pinyin.parse(first + second) == [first, second]
        assert pinyin.parse(f"{_marked(first)}'{_marked(second)}") == [first, second]


def test_a_long_token_without_sense_is_refused_at_once():
    start = time.process_time()
    for token in ("ǎ" * 5000 + "x", "ni3" * 5000 + "x", "x" * 100_000):
        with pytest.raises(UnitError):
            pinyin.parse(token)
    assert time.process_time() - start < 20  # far less: where it tried every way to split, it would never end


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("你好", "ni3 hao3"),
        ("我们的功夫", "wo3 men de gong1 fu"),
        ("绿色的女旅行者", "lv4 se4 de nv3 lv3 xing2 zhe3"),
        ("一个哪儿", "yi2 ge4 na3 er2"),
        ("银行行长", "yin2 hang2 hang2 zhang3"),
        ("二〇一〇", "er4 ling2 yi1 ling2"),
        ("臺灣", "tai2 wan1"),
        ("", ""),
        (("唱", "<UNK>", "<UNK>", "歌", "儿"), "chang4 <UNK> <UNK> ge1 er2"),
    ],
)
def test_from_hanzi(text, syllables):
    assert pinyin.from_hanzi(text) == syllables.split()


@pytest.mark.parametrize("text", ["我有3个", "我有，", "我有 ", "我有K歌"])
def test_from_hanzi_names_the_character_that_has_no_pinyin(text):
    with pytest.raises(UnitError, match=rf"character 3, {text[2]!r}"):
        pinyin.from_hanzi(text)


def test_all_lists_are_read(shared):
    lines = [
        line.split("\t")[1]
        for path in sorted([*(shared / "lists").glob("*.txt"), *(shared / "audio").glob("*.txt")])
        for line in path.read_text("utf-8").splitlines()
    ]
    assert len(lines) > 40_000
    parsed = [pinyin.parse(line) for line in lines]
    vocabulary = Vocabulary.inventory()
    assert [vocabulary.unknown(line) for line in parsed if vocabulary.unknown(line)] == []
    unknown = [
        token
        for line, syllables in zip(lines, parsed, strict=True)
        for token, syllable in zip(line.split(), syllables, strict=True)
        if syllable == "<UNK>"
    ]
    assert set(unknown) == set("ａｂｃｋｔ") and len(unknown) < 10  # 五ａ级, ｋ歌 ...


def test_labels_made_by_the_same_pypinyin_are_made_again(shared):
    different = []
    for name in ("tts_train", "biaobei_dev"):
        for line in (shared / "audio" / f"{name}.txt").read_text("utf-8").splitlines():
            _, label, text, *_ = line.split("\t")
            if pinyin.from_hanzi(text) != label.split():
                different.append(line)
    assert different == []


def test_hand_checked_labels_are_read(shared):
    vocabulary = Vocabulary.inventory()
    for line in (shared / "text/tests/biaobei_handchecked.tsv").read_text("utf-8").splitlines():
        label, text = line.split("\t")
        syllables = pinyin.parse(label)
        assert len(syllables) == len(text) and not vocabulary.unknown(syllables)
