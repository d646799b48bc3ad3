"""Heads: what is learnt from the states of an encoder. A new one is a module here and an entry in `HEADS`."""

from ramospeech.model.heads.auxiliary import AuxiliaryHeads
from ramospeech.model.heads.base import Head
from ramospeech.model.heads.ctc import CtcHead, CtcObjective

HEADS: dict[str, type[Head]] = {"ctc": CtcHead}

__all__ = ["HEADS", "AuxiliaryHeads", "CtcHead", "CtcObjective", "Head"]
