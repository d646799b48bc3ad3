"""The best pair of what was heard and what it means."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ctc_decode import Hypothesis
from ramospeech.translate.translator import Translation

# Found on dev recordings; more of it hurts where a language model has chosen already.
WEIGHT = 0.02  # of the translation's score beside the acoustic one


class Translator(Protocol):
    """Sentences of toned syllables -> for each up to `nbest` sentences of as many hanzi, best first."""

    def translate(self, syllables: Sequence[str], nbest: int = 1) -> list[Translation]: ...

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]: ...


def translate_nbest(
    translator: Translator, hypotheses: Sequence[Hypothesis], nbest: int = 1, weight: float = WEIGHT
) -> list[tuple[Hypothesis, Translation]]:
    """The decoder's hypotheses of one recording, each with its translations, the best `nbest` pairs first.

    The score of a pair is the hypothesis's plus `weight` times the translation's. Syllables that make no sense
    together are so outweighed by others that were nearly as likely. Raises ValueError for no hypotheses.
    """
    return translate_nbests(translator, [hypotheses], nbest, weight)[0]


def translate_nbests(
    translator: Translator, recordings: Sequence[Sequence[Hypothesis]], nbest: int = 1, weight: float = WEIGHT
) -> list[list[tuple[Hypothesis, Translation]]]:
    """`translate_nbest` for each of several recordings, all at once, which is faster."""
    if not all(recordings):
        raise ValueError("no hypotheses: a decoder gives at least one")
    texts = translator.translate_batch([h.tokens for hypotheses in recordings for h in hypotheses], nbest)
    found = []
    for hypotheses in recordings:
        pairs = [(h, text) for h in hypotheses for text in next(texts)]
        found.append(sorted(pairs, key=lambda pair: -(pair[0].score + weight * pair[1].score))[:nbest])
    return found
