"""The kinds of units by name."""

from functools import lru_cache

from ramospeech.errors import UnitError
from ramospeech.text.units.base import Units
from ramospeech.text.units.characters import CharacterUnits
from ramospeech.text.units.korean import HangulUnits, JamoUnits
from ramospeech.text.units.pieces import BpeUnits, MixedUnits
from ramospeech.text.units.syllables import InitialsFinalsUnits, PinyinUnits

_ALL: tuple[Units, ...] = (
    PinyinUnits(),
    CharacterUnits(),
    InitialsFinalsUnits(),
    MixedUnits(),
    BpeUnits(),
    HangulUnits(),
    JamoUnits(),
)
UNITS: dict[str, Units] = {units.name: units for units in _ALL}


def units_named(name: str) -> Units:
    """Return the units of that name; raises UnitError, which tells the names there are."""
    if name not in UNITS:
        raise UnitError(f"unknown units {name!r}; choose one of {', '.join(UNITS)}")
    return UNITS[name]


@lru_cache(maxsize=8)
def units_of_model(name: str, vocabulary: tuple[str, ...]) -> Units:
    """Return the units of a model: of a kind in `UNITS`, with its vocabulary."""
    return UNITS[name].bound(vocabulary)
