"""Corpora: the lists that training reads, the programs that write them, and the check of what they name."""

from ramospeech.corpora.catalogue import CORPORA, Corpus
from ramospeech.corpora.check import Limits, examine, frames, frames_needed, too_short
from ramospeech.corpora.lists import SPLITS, Clip, Utterance, lists_of, read_list, write_list
from ramospeech.corpora.prepare import Report, write_lists
from ramospeech.corpora.recordings import Recording

__all__ = [
    "CORPORA",
    "SPLITS",
    "Clip",
    "Corpus",
    "Limits",
    "Recording",
    "Report",
    "Utterance",
    "examine",
    "frames",
    "frames_needed",
    "lists_of",
    "read_list",
    "too_short",
    "write_list",
    "write_lists",
]
