"""Scoring: edit distance, error rates over a corpus with their uncertainty, where the errors are, reports."""

from ramospeech.score.breakdown import Breakdown
from ramospeech.score.clips import PosteriorFn
from ramospeech.score.distance import Edits, Score, align_edits, cer, edits, ser
from ramospeech.score.matching import match_ids
from ramospeech.score.page import write_page
from ramospeech.score.pictures import draw_clip
from ramospeech.score.report import ErrorReport, Pair, characters, readings, syllables
from ramospeech.score.script import simplified

# Their names in version 0.1.
Report = ErrorReport
Listener = PosteriorFn
align = align_edits

__all__ = [
    "Breakdown",
    "Edits",
    "ErrorReport",
    "Listener",
    "Pair",
    "PosteriorFn",
    "Report",
    "Score",
    "align",
    "align_edits",
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
