"""What every translator is and gives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ctc_decode import ConfusionNetwork
from ramospeech.translate.ngram.phrases import Phrases


@dataclass(frozen=True)
class Translation:
    """hanzi: one character a syllable; score: log p(hanzi) + log p(syllables | hanzi), for ranking.

    syllables: those that were given; of a confusion network the alternatives that go with the characters.
    slots: of a confusion network the slot of each character, as its place in the network.
    log_prob: log p(hanzi | syllables) by the translator's own model, without what else ranks hypotheses; the seq2seq
        translator always gives it, the n-gram translator where its `log_probs` is set.
    """

    hanzi: str
    score: float
    syllables: tuple[str, ...] = ()
    slots: tuple[int, ...] = ()
    log_prob: float | None = None


class Translator(Protocol):
    """Sentences of toned syllables, or networks of such -> for each up to `nbest` translations, best first; those of
    networks say which slots they took."""

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]: ...

    def translate_networks(
        self,
        networks: Iterable[ConfusionNetwork],
        nbest: int = 1,
        hotwords: Phrases | Iterable[Phrases | None] | None = None,
    ) -> Iterator[list[Translation]]: ...
