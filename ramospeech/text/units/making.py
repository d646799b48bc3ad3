"""Unit lists, made of what lists of utterances hold.

`ramospeech units LIST... --output units.txt` makes a unit list of what lists hold: the blank, `<UNK>`
and every token, sorted. Of AISHELL-1's and THCHS-30's train lists these are the 1,215 units of the original network.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ramospeech import errors
from ramospeech.cli import Parser, count
from ramospeech.errors import ListError, UnitError, UsageError
from ramospeech.files import list_lines
from ramospeech.text.units.base import WORD_BREAK, Units
from ramospeech.text.units.kinds import UNITS, units_named
from ramospeech.text.units.korean import HangulUnits, is_hangul
from ramospeech.text.units.pieces import CONTINUES, PIECES, BpeUnits, MixedUnits, learn_pieces
from ramospeech.text.vocabulary import BLANK_UNIT, UNK_UNIT, Vocabulary


def vocabulary_of(labels: Iterable[Sequence[str]], min_count: int = 1) -> Vocabulary:
    """Return the blank, `<UNK>`, and every token that occurs at least `min_count` times, sorted."""
    counts = Counter(token for label in labels for token in label)
    found = sorted(token for token, count in counts.items() if count >= min_count and token != UNK_UNIT)
    return Vocabulary([BLANK_UNIT, UNK_UNIT, *found])


def units_of_lists(units: Units, paths: Iterable[Path], min_count: int = 1, pieces: int = PIECES) -> Vocabulary:
    """Return the vocabulary that lists make for units of a kind: all tokens, and for `bpe` and `mixed` the pieces that
    are learned of their words; `mixed` has all syllables of Mandarin.

    Raises: ListError: a list that cannot be read; UsageError: more letters than `pieces`, or no
    Hangul for units of Korean.
    """
    labels = (label for path in paths for label in labels_of(path, units))
    if not isinstance(units, BpeUnits | MixedUnits):
        found = vocabulary_of(labels, min_count)
        if isinstance(units, HangulUnits) and len(found) > 2 and not any(map(is_hangul, found.units[2:])):
            raise UsageError(f"--units {units.name}: the texts of the lists have no Hangul; choose other --units")
        return found
    texts, others = [], []
    for label in labels:
        texts.append([token for token in label if token.startswith(WORD_BREAK)])
        others.append([token for token in label if not token.startswith(WORD_BREAK)])
    learned = learn_pieces(texts, pieces)
    if isinstance(units, MixedUnits):
        learned = [piece if piece.startswith(WORD_BREAK) else CONTINUES + piece for piece in learned]
        return Vocabulary([*Vocabulary.inventory().units, *learned])
    return Vocabulary([*vocabulary_of(others, min_count).units, *learned])


def labels_of(path: Path, units: Units) -> Iterator[list[str]]:
    """Yield the tokens of each line of a list; raises ListError, which names the file and line."""
    for number, line in enumerate(list_lines(path), 1):
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) not in (3, 4):
            raise ListError(f"{path}:{number}: {len(columns)} columns, not 3 or 4; write path, tokens and text")
        try:
            yield units.from_text(columns[2]) if units.labels_text else units.parse(columns[1])
        except UnitError as error:
            raise ListError(f"{path}:{number}: {error}") from None


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; prints how many units were found."""
    parser = Parser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST", help="lists of utterances whose units are taken")
    parser.add_argument("--units", choices=UNITS, default="pinyin", help="kind of units")
    parser.add_argument(
        "--min_count", type=count, default=1, help="leave out units that occur less often; mixed keeps all"
    )
    parser.add_argument(
        "--pieces", type=count, default=PIECES, help="of bpe and mixed: pieces of words to learn, letters among them"
    )
    parser.add_argument("--output", type=Path, required=True, help="the file to write, one unit per line")
    args = parser.parse_args(argv)
    if args.output.exists() and any(path.exists() and path.samefile(args.output) for path in args.lists):
        raise UsageError(f"--output {args.output}: is one of the lists; choose another name")
    vocabulary = units_of_lists(units_named(args.units), args.lists, args.min_count, args.pieces)
    if len(vocabulary) < 3:
        raise ListError(f"{', '.join(map(str, args.lists))}: no label; nothing was written")
    vocabulary.save(args.output)
    print(f"{args.output}: {len(vocabulary)} units")
