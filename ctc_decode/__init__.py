"""Word-level decoding of CTC posteriors. Needs numpy only; torch tensors are accepted as arrays."""

from ctc_decode.align import AlignedToken, align
from ctc_decode.automaton import Automaton
from ctc_decode.beam_search import BeamSearchDecoder
from ctc_decode.confusion import ConfusionNetwork, Slot
from ctc_decode.greedy import GreedyDecoder
from ctc_decode.hotwords import Hotwords
from ctc_decode.hypothesis import Hypothesis
from ctc_decode.lm import NgramModel
from ctc_decode.streaming import Partial, Stream

__all__ = [
    "AlignedToken",
    "Automaton",
    "BeamSearchDecoder",
    "ConfusionNetwork",
    "GreedyDecoder",
    "Hotwords",
    "Hypothesis",
    "NgramModel",
    "Partial",
    "Slot",
    "Stream",
    "align",
]


def __getattr__(name: str) -> object:
    if name == "NgramTrainer":
        raise AttributeError("ctc_decode reads language models; NgramTrainer, which trains them, is in ramospeech.lm")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
