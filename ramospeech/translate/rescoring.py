"""The best pair of what was heard and what it means."""

from collections.abc import Iterator, Sequence

from ctc_decode import Hypothesis
from ramospeech.translate.types import Translation, Translator

# Found on dev recordings; more of it hurts where a language model has chosen already.
WEIGHT = 0.02  # of the translation's score beside the acoustic one


def translate_nbest(
    translator: Translator, hypotheses: Sequence[Hypothesis], nbest: int = 1, weight: float = WEIGHT
) -> list[tuple[Hypothesis, Translation]]:
    """The decoder's hypotheses of one recording, each with its translations, the best `nbest` pairs first.

    The score of a pair is the hypothesis's plus `weight` times the translation's. Syllables that make no sense
    together are so outweighed by others that were nearly as likely. Raises ValueError for no hypotheses.
    """
    if not hypotheses:
        raise ValueError("no hypotheses: a decoder gives at least one")
    texts = translator.translate_batch([hypothesis.tokens for hypothesis in hypotheses], nbest)
    pairs = [(hypothesis, text) for hypothesis, found in zip(hypotheses, texts, strict=True) for text in found]
    return sorted(pairs, key=lambda pair: -_joint(pair[0], pair[1], weight))[:nbest]


def choose_hypotheses(
    translator: Translator, recordings: Sequence[Sequence[Hypothesis]], nbest: int = 1, weight: float = WEIGHT
) -> Iterator[tuple[Hypothesis, list[Translation]]]:
    """Of each recording the hypothesis that goes best with its text, as `translate_nbest` scores them, and the `nbest`
    texts for it; all recordings at once, which is faster."""
    texts = translator.translate_batch([h.tokens for hypotheses in recordings for h in hypotheses], nbest)
    for hypotheses in recordings:
        pairs = [(hypothesis, next(texts)) for hypothesis in hypotheses]
        yield max(pairs, key=lambda pair: _joint(pair[0], pair[1][0], weight))


def _joint(hypothesis: Hypothesis, text: Translation, weight: float) -> float:
    return hypothesis.score + weight * text.score
