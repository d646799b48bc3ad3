"""Decoding of models with an attention head: beam search of the speller, with CTC, language models and hotwords in it.

A speller emits one unit after the other and decides itself when the text ends. Its search keeps the best hypotheses of
each length; what CTC's posteriors and language models say of them is added unit by unit. Models that have a CTC head
too may instead have the hypotheses of the CTC decoder rescored.
"""

from ramospeech.attention.ctc_prefix import CtcPrefixScorer
from ramospeech.attention.recogniser import AttentionRecogniser
from ramospeech.attention.rescoring import teacher_forced
from ramospeech.attention.scorers import AutomatonScorer, Scorer
from ramospeech.attention.search import Spelled, Speller, Weights, search

__all__ = [
    "AttentionRecogniser",
    "AutomatonScorer",
    "CtcPrefixScorer",
    "Scorer",
    "Spelled",
    "Speller",
    "Weights",
    "search",
    "teacher_forced",
]
