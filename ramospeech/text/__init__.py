"""Text: pinyin and hanzi as people write them, made into the units that the models learn.

`pinyin` reads syllables of any spelling as pypinyin's TONE3, `hanzi` reads digits and symbols out, `Vocabulary`
gives units their ids, and `python -m ramospeech.text.inventory` generates the inventory of all syllables.
"""

from ramospeech.text import hanzi, pinyin
from ramospeech.text.hanzi import Normalised
from ramospeech.text.hotwords import (
    HotwordReadings,
    collect_hotwords,
    in_characters,
    in_parts,
    phrase_readings,
    read_hotwords,
)
from ramospeech.text.vocabulary import BLANK_UNIT, UNK_UNIT, Vocabulary

__all__ = [
    "BLANK_UNIT",
    "UNK_UNIT",
    "HotwordReadings",
    "Normalised",
    "Vocabulary",
    "collect_hotwords",
    "hanzi",
    "in_characters",
    "in_parts",
    "phrase_readings",
    "pinyin",
    "read_hotwords",
]
