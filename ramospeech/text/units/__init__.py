"""The output units of a model: `Units` turn transcripts into tokens and tokens into text.

`UNITS` has them by name, as a model file does; one module for each family. `ramospeech units` makes unit lists.
"""

from ramospeech.text.units.base import WORD_BREAK, Metric, Units
from ramospeech.text.units.characters import CharacterUnits, spaced, spells, word_spans, words
from ramospeech.text.units.kinds import UNITS, units_named, units_of_model
from ramospeech.text.units.korean import HangulUnits, JamoUnits
from ramospeech.text.units.making import labels_of, main, units_of_lists, vocabulary_of
from ramospeech.text.units.pieces import BpeUnits, MixedUnits
from ramospeech.text.units.syllables import InitialsFinalsUnits, PinyinUnits

__all__ = [
    "UNITS",
    "WORD_BREAK",
    "BpeUnits",
    "CharacterUnits",
    "HangulUnits",
    "InitialsFinalsUnits",
    "JamoUnits",
    "Metric",
    "MixedUnits",
    "PinyinUnits",
    "Units",
    "labels_of",
    "main",
    "spaced",
    "spells",
    "units_named",
    "units_of_lists",
    "units_of_model",
    "vocabulary_of",
    "word_spans",
    "words",
]
