"""The translators that come with the program, and which kind a file is."""

from pathlib import Path

from ramospeech.files import pretrained_folder
from ramospeech.translate.ngram.translator import NgramTranslator, ngram_path
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator


def translator_path() -> Path:
    """The shipped translator: the seq2seq one where there is one, otherwise the n-gram one."""
    path = pretrained_folder() / "translator.safetensors"
    return path if path.is_file() else ngram_path()


def load_translator(path: str | Path | None = None) -> NgramTranslator | Seq2SeqTranslator:
    """The translator of a file, of either kind; by default the shipped one. Raises ModelError."""
    path = Path(path) if path else translator_path()
    return Seq2SeqTranslator.load(path) if seq2seq_file.is_seq2seq(path) else NgramTranslator.load(path)


__all__ = ["load_translator", "ngram_path", "pretrained_folder", "translator_path"]
