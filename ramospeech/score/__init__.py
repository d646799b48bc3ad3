"""Scoring: edit distance, error rates over a corpus with their uncertainty, where the errors are, reports."""

from ramospeech.score.breakdown import Breakdown
from ramospeech.score.clips import Listener
from ramospeech.score.distance import Edits, Score, align, cer, edits, ser
from ramospeech.score.matching import match_ids
from ramospeech.score.page import write_page
from ramospeech.score.pictures import draw_clip
from ramospeech.score.report import Pair, Report, characters, readings, syllables
from ramospeech.score.script import simplified

__all__ = [
    "Breakdown",
    "Edits",
    "Listener",
    "Pair",
    "Report",
    "Score",
    "align",
    "cer",
    "characters",
    "draw_clip",
    "edits",
    "match_ids",
    "readings",
    "ser",
    "simplified",
    "syllables",
    "write_page",
]
