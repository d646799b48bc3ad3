"""The interface of translators and their result."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ctc_decode import ConfusionNetwork
from ramospeech.translate.ngram.phrases import Phrases


@dataclass(frozen=True)
class Translation:
    """A translated sentence.

    hanzi: one character per syllable. score: log p(hanzi) + log p(syllables | hanzi), for ranking; log p(hanzi) is by
        both language models where there is a second pass.
    syllables: the input; for a confusion network the chosen alternatives, one per character; in a transcript the
        readings.
    readings: how each character is read in its context (`text.readings`), or as the hotword that it belongs to was
        given; empty where the translator does not say.
    slots: for a confusion network the index of the slot of each character.
    log_prob: log p(hanzi | syllables) by the translator's own model, without the other terms of the score. The seq2seq
        translator always sets it, the n-gram translator only if its `log_probs` is set.
    """

    hanzi: str
    score: float
    syllables: tuple[str, ...] = ()
    slots: tuple[int, ...] = ()
    log_prob: float | None = None
    readings: tuple[str, ...] = ()


class Translator(Protocol):
    """Translates sentences of toned syllables or confusion networks of them.

    Both methods yield up to `nbest` translations for each input, best first; those of networks have `slots`.
    """

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]: ...

    def translate_networks(
        self,
        networks: Iterable[ConfusionNetwork],
        nbest: int = 1,
        hotwords: Phrases | Iterable[Phrases | None] | None = None,
    ) -> Iterator[list[Translation]]: ...
