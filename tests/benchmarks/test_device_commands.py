"""The kept commands to devices: pinyin for every character, and none of them among those to train on."""

from pathlib import Path

from ramospeech.text import Vocabulary

ROOT = Path(__file__).resolve().parents[2]


def test_the_kept_commands() -> None:
    lines = (ROOT / "benchmarks" / "device_commands.tsv").read_text("utf-8").splitlines()
    training = (ROOT / "data_config" / "device_commands.txt").read_text("utf-8").split()
    units = set(Vocabulary.inventory().units)
    kept = []
    for line in lines:
        syllables, hanzi = line.split("\t")
        assert len(syllables.split()) == len(hanzi) and set(syllables.split()) <= units, line
        kept.append(hanzi)
    assert len(set(kept)) == len(kept) == 300 and len(set(training)) == len(training)
    assert not set(kept) & set(training)
