"""The shipped translators, and loading a translator of either kind."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors

from ramospeech.errors import torch_for
from ramospeech.files import pretrained_folder
from ramospeech.translate.ngram.translator import NgramTranslator, ngram_path

if TYPE_CHECKING:
    from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator

KEY = "ramospeech"  # the metadata entry of a translator's file, JSON
SEQ2SEQ_FORMATS = ("ramospeech seq2seq translator 1", "ramospeech transformer translator 1")  # an LSTM, a transformer


def translator_path() -> Path:
    """Return the shipped translator: the seq2seq model if it is installed, otherwise the n-gram model."""
    path = pretrained_folder() / "translator.safetensors"
    return path if path.is_file() else ngram_path()


def load_translator(path: str | Path | None = None) -> "NgramTranslator | Seq2SeqTranslator":
    """Read a translator of either kind, by default the shipped one; raises ModelError, and MissingPackageError for a
    seq2seq translator without torch."""
    path = Path(path) if path else translator_path()
    if not is_seq2seq(path):
        return NgramTranslator.load(path)
    with torch_for(f"{path}: a seq2seq translator"):
        from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator
    return Seq2SeqTranslator.load(path)


def is_seq2seq(path: Path) -> bool:
    """Return whether a file is a seq2seq translator, by its metadata."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            return isinstance(entry, dict) and entry.get("format") in SEQ2SEQ_FORMATS
    except (OSError, ValueError, safetensors.SafetensorError):
        return False


__all__ = ["load_translator", "ngram_path", "pretrained_folder", "translator_path"]
