"""Heads: what is learnt from the states of an encoder. A new one is a module here and an entry in `HEADS`."""

from ramospeech.model.heads.attention import AttentionHead, AttentionObjective, AttentionSizes, SpellerState
from ramospeech.model.heads.auxiliary import AuxiliaryHeads
from ramospeech.model.heads.base import Head
from ramospeech.model.heads.ctc import CtcHead, CtcObjective

HEADS: dict[str, type[Head]] = {"ctc": CtcHead, "attention": AttentionHead}


def sizes_of_heads() -> dict[str, type]:
    """Return the dataclass of sizes of each head, by its name."""
    return {name: head.Sizes for name, head in HEADS.items()}


__all__ = [
    "HEADS",
    "AttentionHead",
    "AttentionObjective",
    "AttentionSizes",
    "AuxiliaryHeads",
    "CtcHead",
    "CtcObjective",
    "Head",
    "SpellerState",
    "sizes_of_heads",
]
