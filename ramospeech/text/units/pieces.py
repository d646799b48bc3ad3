"""Units that write words in pieces, by byte pair encoding (Sennrich et al. 2016): `bpe` and `mixed`.

The pieces are learned from lists by sentencepiece. The order of a vocabulary is that of the merges, so that it is all
there is to know: a model needs neither a file beside it nor sentencepiece.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from ramospeech.errors import UnitError, UsageError, extra
from ramospeech.text import parts, pinyin
from ramospeech.text.hanzi import Normalised
from ramospeech.text.units.base import UNREADABLE, WORD_BREAK, Metric, Span, Units
from ramospeech.text.units.characters import CharacterUnits, is_hanzi, is_letter, letters, word_spans
from ramospeech.text.vocabulary import UNK_UNIT

PIECES = 500  # that are learned
CONTINUES = "##"  # begins a piece inside a word among syllables, which could be read as one: `ma`
_TOO_MANY = re.compile(r"less than or equal to (\d+)|<= (\d+)")


class Pieces:
    """The merges of a vocabulary: words -> pieces, the first of which begins with a break.

    >>> Pieces(["▁h", "▁he", "ll", "▁", "h", "e", "l", "o"])("hello")
    ('▁he', 'll', 'o')
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._ranks = {piece: rank for rank, piece in enumerate(pieces)}
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, word: str) -> tuple[str, ...]:
        """Return the pieces of a word; without any pieces the whole word."""
        if not self._ranks:
            return (WORD_BREAK + word,)
        if word not in self._known:
            self._known[word] = self._merged([WORD_BREAK, *word])
        return self._known[word]

    def _merged(self, symbols: list[str]) -> tuple[str, ...]:
        while True:
            ranked = [(self._ranks.get(a + b, len(self._ranks)), i) for i, (a, b) in enumerate(pairwise(symbols))]
            rank, first = min(ranked, default=(len(self._ranks), 0))
            if rank == len(self._ranks):
                return tuple(symbols)
            symbols[first : first + 2] = [symbols[first] + symbols[first + 1]]


class BpeUnits(CharacterUnits):
    """Pieces of words of letters, of which the first of a word begins with a break, and hanzi.

    Without a vocabulary, see `bound`, a word is one piece.

    >>> units = BpeUnits().bound(["<blank>", "<UNK>", "好", "▁h", "▁he", "ll", "▁", "h", "e", "l", "o"])
    >>> units.from_text("Hello 好")
    ['▁he', 'll', 'o', '好']
    >>> units.to_text(['▁he', 'll', 'o', '▁he', '好'])
    'hello he好'
    """

    name = "bpe"
    metrics: tuple[Metric, ...] = (
        Metric("wer", "WER", lambda tokens, _: tuple(word for word, *_ in word_spans(tokens))),
        Metric("cer", "CER", lambda tokens, _: tuple(c for word, *_ in word_spans(tokens) for c in word)),
    )

    def __init__(self, pieces: Pieces | None = None) -> None:
        self._pieces = pieces or Pieces(())

    def bound(self, units: Sequence[str]) -> "BpeUnits":
        """Return these units with the pieces of a vocabulary."""
        return BpeUnits(Pieces(units[2:]))

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return hanzi, and the pieces of words without case and accents."""
        return [token for word in text.words for token in _pieces_of(word, self._pieces)]

    def parse(self, column: str) -> list[str]:
        """Return the tokens of a column of pieces; raises UnitError for what cannot be one."""
        tokens = column.split()
        for position, token in enumerate(tokens, 1):
            if token != UNK_UNIT and not all(map(is_letter, token.replace(WORD_BREAK, "a"))):
                raise UnitError(f"token {position}: {token!r} is not a piece of a word; write letters and hanzi")
        return tokens

    def to_text(self, tokens: Sequence[str]) -> str:
        """Join the pieces, with spaces between words."""
        text = ""
        for token in tokens:
            shown = UNREADABLE if token == UNK_UNIT else token.replace(WORD_BREAK, " ")
            text += shown.lstrip() if not text or is_hanzi(text[-1]) else shown
        return text.rstrip()


class MixedUnits(Units):
    """Toned syllables for hanzi, and pieces for the words of other scripts, as in speech that mixes languages.

    A translator makes hanzi of the syllables; the words, of which the first piece begins with a break and others with
    `##`, stay as they are. Without a vocabulary, see `bound`, a word is one piece.

    >>> units = MixedUnits().bound(["<blank>", "<UNK>", "da3", "kai1", "▁a", "##pp", "▁", "##a", "##p"])
    >>> units.from_text("打开App")
    ['da3', 'kai1', '▁a', '##pp']
    >>> units.spans(['da3', '▁a', '##pp'])
    [('da3', 0, 0), ('▁app', 1, 2)]
    """

    name = "mixed"
    labels_text = True
    writes_text = False
    composed = True
    metrics: tuple[Metric, ...] = (
        Metric("mer", "MER", lambda tokens, _: _items(tokens)),
        Metric("ser", "SER", lambda tokens, _: tuple(i for i in _items(tokens) if i[0] != WORD_BREAK), optional=True),
        Metric("wer", "WER of Latin words", lambda tokens, _: _words(tokens), optional=True),
    )

    def __init__(self, pieces: Pieces | None = None) -> None:
        self._pieces = pieces or Pieces(())

    def bound(self, units: Sequence[str]) -> "MixedUnits":
        """Return these units with the pieces of a vocabulary."""
        return MixedUnits(Pieces(unit.removeprefix(CONTINUES) for unit in units[2:] if _is_piece(unit)))

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return the syllables of hanzi by pypinyin, and the pieces of words without case and accents."""
        tokens = []
        for reading, word in zip(pinyin.from_hanzi(text.tokens), text.words, strict=True):
            first, *rest = [reading] if reading != UNK_UNIT else _pieces_of(word, self._pieces)
            tokens += [first, *(CONTINUES + piece for piece in rest)]
        return tokens

    def parse(self, column: str) -> list[str]:
        """Return syllables in any spelling, and pieces; raises UnitError for other tokens."""
        tokens = []
        for position, token in enumerate(column.split(), 1):
            try:
                tokens += [token] if _is_piece(token) else pinyin.parse(token)
            except UnitError as error:
                raise UnitError(f"token {position}: {str(error).removeprefix('token 1: ')}") from None
        return tokens

    def to_text(self, tokens: Sequence[str]) -> str:
        """Return "": syllables need a translator."""
        return ""

    def parts(self, token: str) -> Mapping[str, str]:
        """Initial, final and tone."""
        return parts.split(token)._asdict()

    def spans(self, tokens: Sequence[str]) -> list[Span]:
        """Return syllables, and words with a break before them."""
        spans: list[Span] = []
        for number, token in enumerate(tokens):
            piece = token.removeprefix(CONTINUES)
            if piece != token and spans and spans[-1][0].startswith(WORD_BREAK) and spans[-1][2] == number - 1:
                word, first, _ = spans[-1]
                spans[-1] = word + piece, first, number
            else:
                spans.append((piece if piece == token else WORD_BREAK + piece, number, number))
        return [(UNK_UNIT if item == WORD_BREAK else item, first, last) for item, first, last in spans]


def learn_pieces(texts: Iterable[Sequence[str]], count: int) -> list[str]:
    """Return at most `count` pieces of the words of texts, given as words with a break before each: merges in their
    order, then letters. Raises UsageError where there are more letters than that."""
    with extra("bpe"):
        import sentencepiece

    sentences = [" ".join(word.removeprefix(WORD_BREAK) for word in words) for words in texts]
    sentences = [sentence for sentence in sentences if sentence]
    while sentences:
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences),
                model_writer=model,
                model_type="bpe",
                vocab_size=count + 1,
                character_coverage=1.0,
                normalization_rule_name="identity",
                max_sentence_length=1 << 20,
                bos_id=-1,
                eos_id=-1,
                num_threads=1,
                minloglevel=3,
            )
        except RuntimeError as error:
            if not (match := _TOO_MANY.search(str(error))):
                raise UsageError(f"--pieces {count}: {str(error).splitlines()[0]}; give more") from None
            count = int(match[1] or match[2]) - 1  # all that there are
            continue
        learned = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        return [learned.id_to_piece(i) for i in range(1, learned.get_piece_size())]
    return []


def _pieces_of(word: str, pieces: Pieces) -> Sequence[str]:
    """Return the pieces of a word; hanzi and `<UNK>` are their own, and so is `<UNK>` of what has other characters."""
    if word == UNK_UNIT or is_hanzi(word):
        return [word]
    spelled = letters(word)
    return pieces(spelled) if spelled and all(map(is_letter, spelled)) else [UNK_UNIT]


def _is_piece(token: str) -> bool:
    return token.startswith((WORD_BREAK, CONTINUES)) or token == UNK_UNIT


def _items(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(item for item, *_ in MixedUnits().spans(tokens))


def _words(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(item[1:] for item in _items(tokens) if item.startswith(WORD_BREAK))
