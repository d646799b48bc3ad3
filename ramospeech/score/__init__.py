"""Scoring: edit distance, error rates over a corpus with their uncertainty, reports."""

from ramospeech.score.distance import Edits, Score, align, cer, edits, ser

__all__ = ["Edits", "Score", "align", "cer", "edits", "ser"]
