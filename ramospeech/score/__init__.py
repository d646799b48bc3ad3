"""Scoring: edit distance, error rates over a corpus with their uncertainty, reports."""

from ramospeech.score.distance import Edits, Score, align, cer, edits, ser
from ramospeech.score.report import Pair, Report, characters, readings, syllables

__all__ = ["Edits", "Pair", "Report", "Score", "align", "cer", "characters", "edits", "readings", "ser", "syllables"]
