"""What a kind of units is: the protocol, and the error rates that judge it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ramospeech.text import hanzi
from ramospeech.text.hanzi import Normalised
from ramospeech.text.vocabulary import Vocabulary

WORD_BREAK = "▁"  # the unit between two words of letters, which are written apart; of pieces the first of a word has it
UNREADABLE = "□"  # what `<UNK>` is in a text
Span = tuple[str, int, int]  # a syllable, a hanzi or a word, and the numbers of the first and the last of its tokens


@dataclass(frozen=True)
class Metric:
    """An error rate: its name (`ser`), its title (`SER`), and the items that are compared, of (tokens, characters).

    characters: of the normalised text, as `hanzi.normalise(text).tokens`; only metrics `of_text` look at them.
    optional: left out where the references have nothing to compare.
    recognition: the name of 100 % less this rate, where that is what a field reports (CRR); "" for none.
    """

    name: str
    title: str
    items: Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]
    of_text: bool = False
    optional: bool = False
    recognition: str = ""


class Units(Protocol):
    """A kind of units. `name` is saved in the model file; `labels_text` says whether lists are labelled by their text.

    writes_text: whether tokens are the text, without a translator. composed: whether several tokens make one of the
    items of `spans`. `metrics` are the error rates that judge a model of these units, the one that decides first.
    """

    name: str
    labels_text: bool
    writes_text: bool
    composed: bool = False
    metrics: tuple[Metric, ...]

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return the tokens of a normalised transcript; raises UnitError for what has none."""
        ...

    def parse(self, column: str) -> list[str]:
        """Return the tokens that a list line has, separated by spaces; raises UnitError."""
        ...

    def to_text(self, tokens: Sequence[str]) -> str:
        """Return the text of tokens; "" where a translator is needed for it."""
        ...

    def normalise(self, text: str) -> Normalised:
        """Return a transcript without punctuation and tags, its digits read out in Chinese."""
        return hanzi.normalise(text)

    def from_text(self, text: str) -> list[str]:
        """Return the tokens of a transcript as people write it; raises UnitError."""
        return self.from_normalised(self.normalise(text))

    def parts(self, token: str) -> Mapping[str, str]:
        """Return the parts of a token, for reports and for layers that share weights; empty if it has none."""
        return {}

    def spans(self, tokens: Sequence[str]) -> list[Span]:
        """Return what tokens amount to: syllables for a translator, or hanzi and words."""
        return [(token, number, number) for number, token in enumerate(tokens)]

    def inventory(self) -> Vocabulary | None:
        """Return all units that there can be; None where those of the lists are taken."""
        return None

    def bound(self, units: Sequence[str]) -> "Units":
        """Return the units of a model: those whose tokens depend on its vocabulary know it."""
        return self
