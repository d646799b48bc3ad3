"""How OpenNMT, which the original used, prints a translation."""

import math
from collections.abc import Sequence

from ramospeech.translate.types import Translation


def opennmt_block(number: int, syllables: Sequence[str], translations: Sequence[Translation]) -> str:
    """Format a sentence and its translations as OpenNMT does; scores are log p(hanzi | pinyin) of the model alone
    where it gives that."""
    best = translations[0]
    score = _log_prob(best)
    average = score / max(len(best.hanzi), 1)
    lines = [f"SENT {number}: {list(syllables)}", f"PRED {number}: {' '.join(best.hanzi)}", f"PRED SCORE: {score:.4f}"]
    if len(translations) > 1:
        lines += ["BEST HYP:", *(f"[{_log_prob(each):.4f}] {' '.join(each.hanzi)}" for each in translations)]
    lines.append(f"PRED AVG SCORE: {average:.4f}, PRED PPL: {math.exp(-average):.4f}")
    return "\n".join(lines) + "\n"


def _log_prob(translation: Translation) -> float:
    return translation.score if translation.log_prob is None else translation.log_prob
