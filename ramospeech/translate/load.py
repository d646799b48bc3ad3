"""The shipped translators, and loading a translator of any kind."""

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
# Of a network: an LSTM, a transformer, and the language model of the n-gram translator's second pass.
SEQ2SEQ_FORMATS = ("ramospeech seq2seq translator 1", "ramospeech transformer translator 1")
CAUSAL_FORMAT = "ramospeech causal language model 1"


def translator_path() -> Path:
    """Return the shipped translator: the language model of the second pass if it is installed, otherwise the n-gram
    model alone."""
    path = pretrained_folder() / "translator.safetensors"
    return path if path.is_file() else ngram_path()


def load_translator(path: str | Path | None = None) -> "NgramTranslator | Seq2SeqTranslator":
    """Read a translator of any kind, by default the shipped one: the n-gram translator with a second pass. Raises
    ModelError, and MissingPackageError for a file of a network without torch."""
    path = Path(path) if path else translator_path()
    kind = format_of(path)
    if kind == CAUSAL_FORMAT:
        with torch_for(f"{path}: the second pass of a translator"):
            from ramospeech.translate.second_pass import SecondPass
        translator = NgramTranslator.load()
        translator.second_pass = SecondPass.load(path, translator.model)
        return translator
    if kind in SEQ2SEQ_FORMATS:
        with torch_for(f"{path}: a seq2seq translator"):
            from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator
        return Seq2SeqTranslator.load(path)
    return NgramTranslator.load(path)


def format_of(path: Path) -> str | None:
    """Return the format that the metadata of a file of a network has; None for another file."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            return entry.get("format") if isinstance(entry, dict) else None
    except (OSError, ValueError, safetensors.SafetensorError):
        return None


__all__ = ["load_translator", "ngram_path", "pretrained_folder", "translator_path"]
