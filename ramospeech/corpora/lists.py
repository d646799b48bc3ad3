"""Lists: one utterance per line, `path<TAB>tokens<TAB>text[<TAB>seconds]`, in `<corpus>_{train,dev,test}.txt`.

Paths are relative to the program's `--data_root` (or absolute). Tokens are of one kind of `ramospeech.text.units`:
syllables by default. Pinyin is brought to the form of `ramospeech.text.pinyin` on reading, so lists that
write the neutral tone as 5, or lv4 as lü4, are read too.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ramospeech.errors import ListError, UnitError, UsageError
from ramospeech.files import whole_file
from ramospeech.text.units import UNITS, Units

SPLITS = ("train", "dev", "test")
_DEMO = "demo"  # synthetic speech that shows how training goes; `all` leaves it out
_LIST_NAME = re.compile(r"(?P<corpus>.+)_(?P<split>train|dev|test)\.txt")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording, its label as tokens, and its text; `seconds` is None where the list does not tell."""

    path: str
    tokens: tuple[str, ...]
    text: str
    seconds: float | None = None

    @property
    def pinyin(self) -> tuple[str, ...]:
        """The tokens, by the name of the only kind that there was once."""
        return self.tokens

    @property
    def hanzi(self) -> str:
        """The text, likewise."""
        return self.text


Clip = Utterance  # its name in version 0.1


def read_list(path: str | Path, units: Units | None = None) -> list[Utterance]:
    """Read a list in UTF-8 (byte order marks that begin a line, CRLF and blank lines do no harm).

    `units` tells how to read the tokens; pinyin if not given. Units that are labelled by their text make the tokens
    from the text, whatever the column of tokens holds. Raises ListError, naming `file:line`, for a file that cannot be
    read or a line that is not as above.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise ListError(f"{path}: cannot read this list ({error.strerror}); check the name") from None
    units = units or UNITS["pinyin"]
    utterances = []
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            utterances.append(parse_line(raw, units))
        except ValueError as error:
            raise ListError(f"{path}:{number}: {error}") from None
    return utterances


def write_list(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Write a list whole or not at all. Raises ListError for an utterance that a line cannot hold."""
    lines = []
    for utterance in utterances:
        seconds = [] if utterance.seconds is None else [f"{utterance.seconds:.3f}"]
        columns = [utterance.path, " ".join(utterance.tokens), utterance.text, *seconds]
        if any(re.search(r"[\t\r\n]", column) for column in columns):
            raise ListError(f"{path}: {utterance.path!r} has a tab or a line break in its path or text; rename it")
        lines.append("\t".join(columns) + "\n")
    write_text(path, "".join(lines))


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with whole_file(path, "w", ListError, "make room or choose another folder") as file:
        file.write(text)


def lists_of(data_type: str, split: str, config_path: str | Path) -> list[Path]:
    """Return the lists of a split for `data_type`: corpus names joined by commas, or `all`.

    `all` is every corpus that has this split in `config_path`, but the demo. Case, hyphens and underscores of a name do
    not matter where one corpus is meant: `st-cmds` is `stcmds`. Raises UsageError for an unknown name, telling
    which names there are, and for a named corpus that lacks the split.
    """
    if split not in SPLITS:
        raise UsageError(f"no such split: {split!r}; choose one of {', '.join(SPLITS)}")
    folder = Path(config_path)
    if not folder.is_dir():
        raise UsageError(f"no such folder of lists: {folder}; give one with --config_path")
    splits_of: dict[str, set[str]] = {}
    for file in folder.iterdir():
        if match := _LIST_NAME.fullmatch(file.name):
            splits_of.setdefault(match["corpus"], set()).add(match["split"])
    known = ", ".join(sorted(splits_of)) or "none"
    names = list(dict.fromkeys(name.strip() for name in data_type.split(",") if name.strip()))
    if "all" in names:
        named = [name for name in names if name == _DEMO]
        names = sorted(name for name in splits_of if split in splits_of[name] and name != _DEMO) + named
    names = [_meant(name, splits_of) for name in names]
    if not names:
        raise UsageError(f"no {split} list for --data_type {data_type!r} in {folder}; corpora there: {known}")
    for name in names:
        if name not in splits_of:
            raise UsageError(
                f"unknown --data_type {name!r}: {folder} has lists of: {known}; "
                "write the lists with `python -m ramospeech.corpora NAME`"
            )
        if split not in splits_of[name]:
            raise UsageError(
                f"{folder / f'{name}_{split}.txt'}: {name} has no {split} list; write one, or leave it out"
            )
    return [folder / f"{name}_{split}.txt" for name in names]


def canonical(name: str) -> str:
    """Return a name of a corpus without what people write differently."""
    return re.sub(r"[-_ ]", "", name).lower()


def _meant(name: str, splits_of: Iterable[str]) -> str:
    """Return the name as the lists have it, where just one of them can be meant."""
    matches = [known for known in splits_of if canonical(known) == canonical(name)]
    return matches[0] if name not in matches and len(matches) == 1 else name


def parse_line(line: bytes, units: Units, seconds: float | None = None) -> Utterance:
    """Return an utterance from one line; ValueError says what is wrong with it. `seconds` replace those of the line."""
    try:
        columns = line.decode("utf-8").rstrip("\r\n").lstrip("\ufeff").split("\t")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8; save the list as UTF-8") from None
    if len(columns) not in (3, 4):
        raise ValueError(
            f"{len(columns)} columns, not 3 or 4; write path, pinyin, hanzi and optionally seconds, separated by tabs"
        )
    path, tokens, text = (column.strip() for column in columns[:3])
    if not path:
        raise ValueError("the path is empty; put the recording's path in the first column")
    if seconds is None and len(columns) == 4:
        seconds = seconds_of(columns[3])
    if units.labels_text:
        try:
            label = tuple(units.from_text(text))
        except UnitError as error:
            raise ValueError(f"in the text, {error}") from None
        return Utterance(path, label, text, seconds)
    if not tokens:
        raise ValueError(f"the {units.name} is empty; put the tokens in the second column")
    return Utterance(path, _tokens(tokens, units), text, seconds)


def _tokens(column: str, units: Units) -> tuple[str, ...]:
    try:
        return tuple(units.parse(column))
    except UnitError as error:
        raise ValueError(f"in the {units.name}, {error}") from None


def columns_of(line: str) -> list[str]:
    """Return the columns of a line whose tokens are not looked at: path, tokens, text and perhaps seconds. ValueError
    says what is wrong with it."""
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) not in (3, 4) or not columns[0]:
        raise ValueError("not path, tokens, text and optionally seconds, separated by tabs")
    return columns


def seconds_of(column: str) -> float:
    """Return a duration; ValueError says what is wrong with it."""
    try:
        seconds = float(column)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{column.strip()!r} is not a duration; write seconds such as 3.25, or leave the column out")
    return seconds
