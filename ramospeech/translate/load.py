"""The shipped translators, and loading a translator of either kind."""

from pathlib import Path

from ramospeech.files import pretrained_folder
from ramospeech.translate.ngram.translator import NgramTranslator, ngram_path
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator


def translator_path() -> Path:
    """Return the shipped translator: the seq2seq model if it is installed, otherwise the n-gram model."""
    path = pretrained_folder() / "translator.safetensors"
    return path if path.is_file() else ngram_path()


def load_translator(path: str | Path | None = None) -> NgramTranslator | Seq2SeqTranslator:
    """Read a translator of either kind, by default the shipped one; raises ModelError."""
    path = Path(path) if path else translator_path()
    return Seq2SeqTranslator.load(path) if seq2seq_file.is_seq2seq(path) else NgramTranslator.load(path)


__all__ = ["load_translator", "ngram_path", "pretrained_folder", "translator_path"]
