"""Pinyin to hanzi by a sequence-to-sequence network that tolerates wrong syllables.

The network is for lines of pinyin. For recordings the n-gram model, which searches the posteriors, makes fewer errors
(docs/benchmarks.md).
"""

from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig

__all__ = ["Seq2Seq", "Seq2SeqConfig"]
