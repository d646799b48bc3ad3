"""Corpora: the lists that training reads, the programs that write them, and the check of what they name."""

from ramospeech.corpora.catalogue import CORPORA, Corpus
from ramospeech.corpora.check import Limits, check_clip, frames, frames_needed, too_short
from ramospeech.corpora.lists import SPLITS, Clip, Utterance, lists_of, read_list, write_list
from ramospeech.corpora.prepare import PreparationReport, write_lists
from ramospeech.corpora.recordings import Recording
from ramospeech.corpora.table import ClipTable

examine = check_clip  # the names of version 0.1
Report = PreparationReport

__all__ = [
    "CORPORA",
    "SPLITS",
    "Clip",
    "ClipTable",
    "Corpus",
    "Limits",
    "PreparationReport",
    "Recording",
    "Report",
    "Utterance",
    "check_clip",
    "examine",
    "frames",
    "frames_needed",
    "lists_of",
    "read_list",
    "too_short",
    "write_list",
    "write_lists",
]
