"""The inventory against its generator and against what it promises."""

import subprocess
import sys

import pytest
from pypinyin import Style, lazy_pinyin, pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT
from pypinyin.contrib.tone_convert import tone_to_tone3

from ramospeech.text import Vocabulary
from ramospeech.text import pinyin as spelling
from ramospeech.text.inventory import generate, readings

VOCABULARY = Vocabulary.inventory()
UNITS = set(VOCABULARY.units)


def test_generated_again_it_is_the_same_to_the_byte(root, tmp_path):
    generate().save(tmp_path / "pinyin.txt")
    assert (tmp_path / "pinyin.txt").read_bytes() == (root / "data_config" / "pinyin.txt").read_bytes()


def test_blank_unknown_then_sorted_syllables_in_five_tones():
    assert VOCABULARY.units[:2] == ("<blank>", "<UNK>")
    syllables = VOCABULARY.units[2:]
    assert list(syllables) == sorted(set(syllables))
    bases = {spelling.toneless(syllable) for syllable in syllables}
    assert len(syllables) == 5 * len(bases) and len(bases) == 428
    assert not [syllable for syllable in syllables if "ü" in syllable or syllable != syllable.lower()]


def test_every_reading_of_gb2312():
    codes = (bytes([high, low]) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    characters = "".join(code.decode("gb2312", "ignore") for code in codes)
    assert len(characters) == 6763
    read = {reading for choices in pinyin(characters, style=Style.TONE3, heteronym=True) for reading in choices}
    assert len(read) > 1300 and not VOCABULARY.unknown(sorted(read))


def test_every_reading_that_pypinyin_has_of_any_character_or_phrase():
    """So of the 8,105 characters of the standard table too, whose last are beyond the basic plane."""
    assert ord("𬶠") in PINYIN_DICT and ord("㑇") in PINYIN_DICT
    toned = {tone_to_tone3(reading).replace("ü", "v") for reading in readings()}
    assert not VOCABULARY.unknown(sorted(toned))


def test_phrases_as_labels_are_made():
    phrases = list(PHRASES_DICT)[::10]
    seen = {syllable for phrase in phrases for syllable in lazy_pinyin(phrase, style=Style.TONE3)}
    assert not VOCABULARY.unknown(sorted(seen))


@pytest.mark.parametrize("syllables", ["men ba zi de fu qi lv4 nve4", "ng2 n2 m2 hm hng ê4 yo", "rua2 wo2"])
def test_it_has(syllables):
    assert set(syllables.split()) <= UNITS


def test_program(tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "ramospeech.text.inventory", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    path = tmp_path / "pinyin.txt"
    assert run("--check").returncode == 0
    written = run("--output", str(path))
    assert (written.returncode, written.stderr) == (0, "") and "2142 units" in written.stdout
    path.write_text(path.read_text("utf-8").replace("zuo4\n", ""), "utf-8")
    checked = run("--output", str(path), "--check")
    assert checked.returncode == 2 and checked.stderr.startswith("error: ") and "differs" in checked.stderr
