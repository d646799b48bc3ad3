"""Toned pinyin to hanzi.

`load_translator()` returns the shipped translator or reads one from a file: an `NgramTranslator`, an exact search with
a character n-gram model, with or without a second pass by a language model of sentences, or a `Seq2SeqTranslator`.
All translate syllables (`translate`, `translate_batch`) and confusion networks (`translate_networks`);
`translate_nbest` rescores a decoder's N-best list, and `ErrorModel` builds confusion networks from syllables.
`ramospeech translate` translates lines of text, `ramospeech train_ngram` trains the n-gram model and
train_translator.py the networks.
"""

from typing import TYPE_CHECKING, Any

from ramospeech.translate.error_model import ErrorModel
from ramospeech.translate.error_model import LearntErrors as Confusions
from ramospeech.translate.load import load_translator, ngram_path, pretrained_folder, translator_path
from ramospeech.translate.ngram.phrases import Phrases
from ramospeech.translate.ngram.translator import NgramTranslator
from ramospeech.translate.opennmt import opennmt_block
from ramospeech.translate.rescoring import choose_hypotheses, translate_nbest
from ramospeech.translate.types import Translation, Translator

if TYPE_CHECKING:
    from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator

__all__ = [
    "Confusions",
    "ErrorModel",
    "NgramTranslator",
    "Phrases",
    "Seq2SeqTranslator",
    "Translation",
    "Translator",
    "choose_hypotheses",
    "load_translator",
    "ngram_path",
    "opennmt_block",
    "pretrained_folder",
    "translate_nbest",
    "translator_path",
]


def __getattr__(name: str) -> Any:
    """Import the seq2seq translator, and with it torch, only when it is asked for."""
    if name == "Seq2SeqTranslator":
        from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator

        return Seq2SeqTranslator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
