"""Joint rescoring of recognition hypotheses and their translations."""

from collections.abc import Iterator, Sequence

from ctc_decode import Hypothesis
from ramospeech.translate.types import Translation, Translator

# Tuned on dev recordings; a larger weight hurts if a language model took part in the beam search.
WEIGHT = 0.02  # of the translation's score relative to the hypothesis's


def translate_nbest(
    translator: Translator, hypotheses: Sequence[Hypothesis], nbest: int = 1, weight: float = WEIGHT
) -> list[tuple[Hypothesis, Translation]]:
    """Return the best `nbest` pairs of a hypothesis of one recording and a translation of it, best first.

    The score of a pair is the hypothesis's score plus `weight` times the translation's. Raises ValueError if there
    are no hypotheses.
    """
    if not hypotheses:
        raise ValueError("no hypotheses: a decoder gives at least one")
    texts = translator.translate_batch([hypothesis.tokens for hypothesis in hypotheses], nbest)
    pairs = [(hypothesis, text) for hypothesis, found in zip(hypotheses, texts, strict=True) for text in found]
    return sorted(pairs, key=lambda pair: -_joint(pair[0], pair[1], weight))[:nbest]


def choose_hypotheses(
    translator: Translator, recordings: Sequence[Sequence[Hypothesis]], nbest: int = 1, weight: float = WEIGHT
) -> Iterator[tuple[Hypothesis, list[Translation]]]:
    """Yield for each recording its best hypothesis, scored as in `translate_nbest`, and its `nbest` translations.

    All recordings are translated in one batch, which is faster.
    """
    texts = translator.translate_batch([h.tokens for hypotheses in recordings for h in hypotheses], nbest)
    for hypotheses in recordings:
        pairs = [(hypothesis, next(texts)) for hypothesis in hypotheses]
        yield max(pairs, key=lambda pair: _joint(pair[0], pair[1][0], weight))


def _joint(hypothesis: Hypothesis, text: Translation, weight: float) -> float:
    return hypothesis.score + weight * text.score
