"""Vocabularies as files and as ids."""

import pytest

from ramospeech.errors import ListError, UnitError
from ramospeech.text import Vocabulary
from ramospeech.text import vocabulary as module

UNITS = ["<blank>", "<UNK>", "hao3", "ma", "ni3"]


def test_ids():
    vocabulary = Vocabulary(UNITS)
    assert (Vocabulary.BLANK, Vocabulary.UNK, len(vocabulary)) == (0, 1, 5)
    assert vocabulary.units == tuple(UNITS)
    assert vocabulary.encode(["ni3", "hao3", "la", "<UNK>"]) == [4, 2, 1, 1]
    assert vocabulary.encode(["<blank>"]) == [Vocabulary.UNK]  # never a label
    assert vocabulary.decode([4, 2, 0, 1]) == ["ni3", "hao3", "<blank>", "<UNK>"]
    assert vocabulary.unknown(["ni3", "la", "<UNK>", "la"]) == ["la", "la"]


@pytest.mark.parametrize("i", [-1, 5])
def test_decode_refuses_other_ids(i):
    with pytest.raises(UnitError, match=f"id {i} .* 5 units"):
        Vocabulary(UNITS).decode([2, i])


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([], "unit 0: .*nothing"),
        (["<blank>"], "unit 1: .*nothing"),
        (["ni3", "<UNK>"], "unit 0: .*'ni3'"),
        (["<blank>", "ni3"], "unit 1: .*'ni3'"),
        ([*UNITS, "ma"], "unit 5: 'ma' occurs twice, first as unit 3"),
        ([*UNITS, "<UNK>"], "unit 5: .*twice"),
        ([*UNITS, ""], "unit 5: .*empty"),
        ([*UNITS, "ni3 hao3"], "unit 5: .*white space"),
    ],
)
def test_bad_units(units, message):
    with pytest.raises(UnitError, match=message):
        Vocabulary(units)


def test_save_and_load(tmp_path):
    path = tmp_path / "units.txt"
    Vocabulary(UNITS).save(path)
    assert path.read_bytes() == b"<blank>\n<UNK>\nhao3\nma\nni3\n"
    assert Vocabulary.load(path) == Vocabulary(UNITS) and [p.name for p in tmp_path.iterdir()] == ["units.txt"]
    assert hash(Vocabulary.load(path)) == hash(Vocabulary(UNITS)) and Vocabulary(UNITS) != Vocabulary(UNITS[:4])


def test_load_reads_what_other_editors_and_toolkits_write(tmp_path):
    path = tmp_path / "units.txt"
    path.write_bytes(b"\xef\xbb\xbf<PAD>\r\n<unk>\r\nhao3 \r\nma\r\nni3\r\n\r\n")
    assert Vocabulary.load(path).units == tuple(UNITS)


def test_load_the_units_of_the_original(tmp_path):
    syllables = Vocabulary.inventory().units[2:1215]
    path = tmp_path / "units.txt"
    path.write_text("\n".join(["<PAD>", "<UNK>", *syllables]), "utf-8")
    vocabulary = Vocabulary.load(path)
    assert len(vocabulary) == 1215 and vocabulary.units[0] == "<blank>"
    assert vocabulary.encode([syllables[0], syllables[-1], "<PAD>"]) == [2, 1214, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "units.txt:1: .*first unit"),
        (b"a\n<UNK>\n", "units.txt:1: .*first unit"),
        (b"<blank>\na\n", "units.txt:2: .*second unit"),
        (b"<blank>\n<UNK>\na\n\nb\n", "units.txt:4: .*empty"),
        (b"<blank>\n<UNK>\na\nb\na\n", "units.txt:5: 'a' occurs twice"),
        (b"<blank>\n<UNK>\na\t2\n", "units.txt:3: .*white space"),
        (b"<blank>\n<UNK>\n\xff\xfe\n", "units.txt: .*UTF-8"),
    ],
)
def test_load_names_file_and_line(tmp_path, content, message):
    path = tmp_path / "units.txt"
    path.write_bytes(content)
    with pytest.raises(ListError, match=message):
        Vocabulary.load(path)


def test_load_without_a_file(tmp_path):
    with pytest.raises(ListError, match=r"units\.txt: no such"):
        Vocabulary.load(tmp_path / "units.txt")
    with pytest.raises(ListError, match="cannot be read"):
        Vocabulary.load(tmp_path)


def test_inventory_is_found_in_a_checkout_and_where_pip_puts_it(tmp_path, monkeypatch, root):
    assert module.inventory_path() == root / "data_config" / "pinyin.txt"
    package = tmp_path / "site-packages" / "ramospeech"
    monkeypatch.setattr(module, "__file__", str(package / "text" / "vocabulary.py"))
    (package / "data_config").mkdir(parents=True)
    Vocabulary(UNITS).save(package / "data_config" / "pinyin.txt")
    assert Vocabulary.inventory() == Vocabulary(UNITS)
