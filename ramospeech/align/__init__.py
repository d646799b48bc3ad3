"""Forced alignment: recordings of any length and their texts -> the times of each word, what does not match, and clips.

from ramospeech.align import Aligner, read_lines
alignment = Aligner(model, device).align("talk.mp3", read_lines("talk.txt"))
"""

from ramospeech.align.aligner import AlignedWord, Aligner, Alignment, Misfit
from ramospeech.align.cutting import Clip, Corpus, LeftOut, cut
from ramospeech.align.texts import SUFFIXES, Line, read_lines
from ramospeech.align.writers import FORMATS

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "AlignedWord",
    "Aligner",
    "Alignment",
    "Clip",
    "Corpus",
    "LeftOut",
    "Line",
    "Misfit",
    "cut",
    "read_lines",
]
