"""Pinyin to hanzi by a sequence-to-sequence network, for text whose syllables may be wrong.

On recordings the n-gram model reads the posteriors and makes fewer errors (docs/benchmarks.md); the network is for
lines of pinyin.
"""

from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig

__all__ = ["Seq2Seq", "Seq2SeqConfig"]
