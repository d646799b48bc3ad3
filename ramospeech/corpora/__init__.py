"""Corpora: the lists that training reads, the programs that write them, and the check of what they name."""

from ramospeech.corpora.check import frames, too_short
from ramospeech.corpora.lists import SPLITS, Clip, lists_of, read_list, write_list

__all__ = ["SPLITS", "Clip", "frames", "lists_of", "read_list", "too_short", "write_list"]
