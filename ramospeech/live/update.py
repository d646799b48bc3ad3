"""What a live recogniser says: the text of an utterance so far, and how much of it will not change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ramospeech.text.units import spaced
from ramospeech.transcript import Token


@dataclass(frozen=True)
class Update:
    """The text of an utterance so far, or, once it has ended, its final text.

    utterance: from 0. start, end: of its audio, in seconds from the start of the stream; the times of the tokens too.
    settled: the first tokens, which later updates of the utterance begin with.
    """

    utterance: int
    start: float
    end: float
    tokens: tuple[Token, ...]
    settled: int
    final: bool

    @property
    def text(self) -> str:
        """The hanzi; without a translator the syllables."""
        return text_of(self.tokens)

    @property
    def display(self) -> str:
        """The text with punctuation, digits and script, where a final text has them."""
        changed = any(token.display is not None for token in self.tokens)
        return spaced(token.shown for token in self.tokens) if changed else self.text

    @property
    def stable(self) -> int:
        """The first characters of `text`, which will not change."""
        return len(text_of(self.tokens[: self.settled]))

    def to_dict(self) -> dict[str, Any]:
        """Return what the WebSocket sends and `listen --format json` prints."""
        return {
            "type": "final" if self.final else "partial",
            "utterance": self.utterance,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
            **({"display": self.display} if self.display != self.text else {}),
            "stable": self.stable,
            "syllables": [
                {
                    "pinyin": token.pinyin,
                    "hanzi": token.hanzi,
                    "start": round(token.start, 3),
                    "end": round(token.end, 3),
                    "confidence": None if token.confidence is None else round(token.confidence, 3),
                }
                for token in self.tokens
            ],
        }


def text_of(tokens: Sequence[Token]) -> str:
    """Return hanzi and words of tokens, or their syllables where these have no hanzi."""
    return spaced(token.hanzi for token in tokens) or " ".join(token.pinyin for token in tokens)


def with_settled(settled: Sequence[Token], tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return tokens that begin with those that are settled: these, and what a later reading has behind them.

    A later reading may have other text at the place of the settled tokens; what it has behind the middle of the last of
    them is taken, since times of one syllable differ by less than half of it.
    """
    if not settled or same_text(settled, tokens[: len(settled)]):
        return tuple(tokens)
    behind = (settled[-1].start + settled[-1].end) / 2
    return (*settled, *(token for token in tokens if token.start > behind))


def agreed(before: Sequence[Token], after: Sequence[Token]) -> int:
    """Return how many of the first tokens two readings have in common, by their text."""
    for number, (a, b) in enumerate(zip(before, after, strict=False)):
        if (a.hanzi or a.pinyin) != (b.hanzi or b.pinyin):  # what follows may change how a character is read
            return number
    return min(len(before), len(after))


def same_text(a: Sequence[Token], b: Sequence[Token]) -> bool:
    """Return whether two rows of tokens have the same text."""
    return len(a) == len(b) == agreed(a, b)
