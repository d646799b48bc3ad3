"""Units: transcripts to tokens and back, their metrics, and unit lists made of lists."""

import pytest

from ramospeech.corpora import Utterance, read_list, write_list
from ramospeech.errors import ListError, UnitError
from ramospeech.text import Vocabulary
from ramospeech.text.hanzi import normalise
from ramospeech.text.units import UNITS, main, units_named, vocabulary_of, words

PINYIN, CHARACTERS = UNITS["pinyin"], UNITS["characters"]


def test_pinyin():
    assert PINYIN.from_text("你好，2个K歌[笑]") == ["ni3", "hao3", "liang3", "ge4", "<UNK>", "ge1"]
    assert PINYIN.parse("Nǐ hao3, ma5") == ["ni3", "hao3", "ma"]
    assert PINYIN.to_text(["ni3"]) == ""
    assert PINYIN.parts("zhuang4") == {"initial": "zh", "final": "uang", "tone": "4"}


@pytest.mark.parametrize(
    ("text", "tokens", "back"),
    [
        ("你好，2个", "你 好 两 个", "你好两个"),
        ("打开iPad Pro，K歌", "打 开 i p a d ▁ p r o ▁ k 歌", "打开ipad pro k歌"),
        ("iPad和iPhone", "i p a d 和 i p h o n e", "ipad和iphone"),
        ("Don't stop", "d o n ' t ▁ s t o p", "don't stop"),
        ("Ｃａｆé naïve", "c a f e ▁ n a i v e", "cafe naive"),
        ("Привет, мир!", "п р и в е т ▁ м и р", "привет мир"),
        ("안녕 하세요", "안 녕 ▁ 하 세 요", "안녕 하세요"),
        ("你\ufffd好[听不清]", "你 <UNK> 好 <UNK>", "你□好□"),
        ("[掌声]", "", ""),
    ],
)
def test_characters_and_back(text, tokens, back):
    assert CHARACTERS.from_text(text) == tokens.split()
    assert CHARACTERS.parse(tokens) == tokens.split()
    assert CHARACTERS.to_text(tokens.split()) == back


@pytest.mark.parametrize(
    ("column", "tokens"),
    [
        ("hello world", "h e l l o ▁ w o r l d"),
        ("今天 天气 App", "今 天 天 气 a p p"),
        ("H e l l o", "h e l l o"),
        ("\uf967 <UNK> 好", "不 <UNK> 好"),
    ],
)
def test_characters_of_a_column(column, tokens):
    assert CHARACTERS.parse(column) == tokens.split()


@pytest.mark.parametrize("token", ["ni3", "3", "，", "a,b", "<blank>", "😀"])
def test_a_token_that_is_not_a_character_is_named(token):
    with pytest.raises(UnitError, match="token 2: "):
        CHARACTERS.parse(f"好 {token}")


def test_words_of_letters():
    assert words(CHARACTERS.from_text("打开iPad Pro吧OK")) == ("ipad", "pro", "ok")
    assert words(["你", "好"]) == ()


def test_metrics_name_what_is_compared():
    def items(units, text):
        characters = normalise(text).tokens
        return {metric.name: metric.items(units.from_text(text), characters) for metric in units.metrics}

    assert items(PINYIN, "绿App") == {"ser": ("lv4", "<UNK>"), "ser_toneless": ("lv", "<UNK>"), "cer": ("绿", "<UNK>")}
    found = {"cer": ("绿", "a", "p", "p"), "cer_hanzi": ("绿",), "wer": ("app",)}
    assert items(CHARACTERS, "绿App") == found


def test_unknown_units_are_named_with_those_there_are():
    assert units_named("pinyin") is PINYIN
    with pytest.raises(
        UnitError, match="unknown units 'words'; choose one of pinyin, characters, initials_finals, mixed"
    ):
        units_named("words")


def test_a_vocabulary_of_labels():
    assert vocabulary_of([["b", "a", "<UNK>"], ["b"]]).units == ("<blank>", "<UNK>", "a", "b")
    assert vocabulary_of([["b", "a"], ["b"]], min_count=2).units == ("<blank>", "<UNK>", "b")


LISTS = ("a.wav\tni3 hao5\t你好\n\ufeffb.wav\tlü4 Hao3,\t绿好App\t1.5\r\n", "c.wav\tma ma1 <UNK>\t吗妈K\n")


@pytest.mark.parametrize(
    ("kind", "units"),
    [("pinyin", "hao hao3 lv4 ma ma1 ni3"), ("characters", "a k p 你 吗 好 妈 绿")],
)
def test_the_program_makes_the_units_of_lists(kind, units, tmp_path, capsys):
    for number, content in enumerate(LISTS):
        (tmp_path / f"{number}.txt").write_text(content, encoding="utf-8")
    paths = [str(tmp_path / f"{number}.txt") for number in range(len(LISTS))]
    assert main([*paths, "--units", kind, "--output", str(tmp_path / "units.txt")]) == 0
    assert Vocabulary.load(tmp_path / "units.txt").units == ("<blank>", "<UNK>", *units.split())
    assert capsys.readouterr().out == f"{tmp_path}/units.txt: {len(units.split()) + 2} units\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a.wav\tfnord\t你\n", "x.txt:1: token 1: 'fnord' is not pinyin"),
        ("a.wav\tni3\t你\n\nni3\n", "x.txt:3: 1 columns"),
        ("", "x.txt: no label; nothing was written"),
    ],
)
def test_a_list_without_units_is_named(content, what, tmp_path, capsys):
    (tmp_path / "x.txt").write_text(content, encoding="utf-8")
    assert main([str(tmp_path / "x.txt"), "--output", str(tmp_path / "units.txt")]) == 2
    assert what in capsys.readouterr().err and not (tmp_path / "units.txt").exists()


def test_the_units_of_real_lists(shared, tmp_path):
    lists = [str(path) for path in sorted((shared / "lists").glob("*.txt"))]
    assert main([*lists, "--output", str(tmp_path / "units.txt")]) == 0
    units = Vocabulary.load(tmp_path / "units.txt").units
    assert 1100 < len(units) < 1300 and not Vocabulary.inventory().unknown(units[1:])


def test_lists_of_characters(tmp_path):
    utterances = [Utterance("a.wav", tuple(CHARACTERS.from_text("打开iPad Pro")), "打开ipad pro", 1.5)]
    write_list(tmp_path / "a.txt", utterances)
    assert read_list(tmp_path / "a.txt", CHARACTERS) == utterances
    with pytest.raises(ListError, match=r"a.txt:1: in the pinyin, token 1: '打' is not pinyin"):
        read_list(tmp_path / "a.txt")


def test_lists_are_labelled_by_their_text(tmp_path):
    (tmp_path / "a.txt").write_text("a.wav\tda3 kai1 <UNK>\t打开App\nb.wav\tni3\t。\n", encoding="utf-8")
    labels = [utterance.tokens for utterance in read_list(tmp_path / "a.txt", CHARACTERS)]
    assert labels == [("打", "开", "a", "p", "p"), ()]


def test_the_names_of_version_0_1():
    from ramospeech.corpora import Clip

    clip = Clip("a.wav", ("ni3",), "你", 1.0)
    assert clip == Utterance("a.wav", tokens=("ni3",), text="你", seconds=1.0)
    assert (clip.pinyin, clip.hanzi) == (("ni3",), "你")
