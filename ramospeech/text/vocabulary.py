"""Vocabularies: the units that a model can output and their ids.

A vocabulary file has one unit per line, and the line number, from 0, is the id. Id 0 is the blank of CTC and
id 1 stands for everything unknown. `data_config/pinyin.txt` is the inventory of all Mandarin syllables.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ramospeech.errors import ListError, UnitError
from ramospeech.files import split_lines, whole_file

BLANK_UNIT = "<blank>"
UNK_UNIT = "<UNK>"
_BLANK_NAMES = (BLANK_UNIT, "<PAD>", "<pad>")  # other toolkits name the blank after the padding
_UNK_NAMES = (UNK_UNIT, "<unk>")


def inventory_path() -> Path:
    """Return where the inventory is: in the package where pip installed it, in `data_config` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "data_config" / "pinyin.txt"
    return installed if installed.is_file() else package.parent / "data_config" / "pinyin.txt"


class Vocabulary:
    """An ordered set of units. V, the number of units, is `len(vocabulary)`.

    >>> vocabulary = Vocabulary(["<blank>", "<UNK>", "hao3", "ni3"])
    >>> vocabulary.encode(["ni3", "hao3", "ma"])
    [3, 2, 1]
    >>> vocabulary.decode([3, 2])
    ['ni3', 'hao3']
    """

    BLANK = 0
    UNK = 1

    def __init__(self, units: Sequence[str]):
        """Raises UnitError for a wrong first or second unit and for one that is empty, broken or repeated."""
        fault = _fault(units)
        if fault:
            raise UnitError(f"unit {fault[0]}: {fault[1]}")
        self.units: tuple[str, ...] = (BLANK_UNIT, UNK_UNIT, *units[2:])
        # Without the blank, which a label must never contain.
        self._ids = {unit: i for i, unit in enumerate(self.units) if i != self.BLANK}

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read one unit per line; raises ListError, which names the file and the line."""
        try:
            lines = split_lines(Path(path).read_bytes().decode("utf-8"), path)
        except FileNotFoundError:
            raise ListError(f"{path}: no such vocabulary; give a file with one unit per line") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ListError(f"{path}: cannot be read as a vocabulary in UTF-8: {error}") from None
        units = [line.strip() for line in lines]
        while units and not units[-1]:
            units.pop()
        fault = _fault(units)
        if fault:
            raise ListError(f"{path}:{fault[0] + 1}: {fault[1]}")
        return cls(units)

    @classmethod
    def inventory(cls) -> "Vocabulary":
        """Return the inventory of all Mandarin syllables, `data_config/pinyin.txt`."""
        return cls.load(inventory_path())

    def save(self, path: str | Path) -> None:
        """Write one unit per line, completely or not at all. Raises ListError."""
        with whole_file(path, "w", ListError, "make room or choose another folder") as file:
            file.writelines(f"{unit}\n" for unit in self.units)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Return the id of each token; UNK for one that is not a unit."""
        return [self._ids.get(token, self.UNK) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the unit of each id; raises UnitError for an id that no unit has."""
        ids = list(ids)
        for i in ids:
            if not 0 <= i < len(self.units):
                raise UnitError(f"id {i} is outside of this vocabulary of {len(self.units)} units")
        return [self.units[i] for i in ids]

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that are not units, in order. `<UNK>` itself is a unit."""
        return [token for token in tokens if token not in self._ids]

    def __len__(self) -> int:
        return len(self.units)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.units == other.units

    def __hash__(self) -> int:
        return hash(self.units)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.units)} units)"


def _fault(units: Sequence[str]) -> tuple[int, str] | None:
    """Return the index of the first bad unit and what is wrong with it."""
    if not units or units[0] not in _BLANK_NAMES:
        return 0, f"the first unit must be {BLANK_UNIT} (or <PAD>), not {_shown(units, 0)}"
    if len(units) < 2 or units[1] not in _UNK_NAMES:
        return 1, f"the second unit must be {UNK_UNIT}, not {_shown(units, 1)}"
    first: dict[str, int] = {BLANK_UNIT: 0, UNK_UNIT: 1}
    for i, unit in enumerate(units[2:], 2):
        if not unit or unit.split() != [unit]:
            return i, f"a unit must not be empty or hold white space: {unit!r}; write one unit per line"
        if first.setdefault(unit, i) != i:
            return i, f"{unit!r} occurs twice, first as unit {first[unit]}; remove one of them"
    return None


def _shown(units: Sequence[str], i: int) -> str:
    return repr(units[i]) if i < len(units) else "nothing"
