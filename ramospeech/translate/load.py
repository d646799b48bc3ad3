"""The shipped translators, and loading a translator of any kind."""

from pathlib import Path
from typing import TYPE_CHECKING

from ramospeech.errors import torch_for
from ramospeech.files import pretrained_folder
from ramospeech.translate.network_file import CAUSAL_FORMAT, SEQ2SEQ_FORMATS, format_of
from ramospeech.translate.ngram.translator import NgramTranslator, ngram_path
from ramospeech.translate.second_pass import SecondPass

if TYPE_CHECKING:
    from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator


def translator_path() -> Path:
    """Return the shipped translator: the language model of the second pass if it is installed, otherwise the n-gram
    model alone."""
    path = pretrained_folder() / "translator.safetensors"
    return path if path.is_file() else ngram_path()


def load_translator(
    path: str | Path | None = None, without_torch: bool = False
) -> "NgramTranslator | Seq2SeqTranslator":
    """Read a translator of any kind, by default the shipped one: the n-gram translator with a second pass.

    without_torch: does not import torch for a second pass, which is faster with it on a CPU with tiles of bfloat16.
    Raises ModelError, and MissingPackageError for a seq2seq translator without torch.
    """
    path = Path(path) if path else translator_path()
    kind = format_of(path)
    if kind == CAUSAL_FORMAT:
        translator = NgramTranslator.load()
        translator.second_pass = SecondPass.load(path, translator.model, without_torch)
        return translator
    if kind in SEQ2SEQ_FORMATS:
        with torch_for(f"{path}: a seq2seq translator"):
            from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator
        return Seq2SeqTranslator.load(path)
    return NgramTranslator.load(path)


__all__ = ["load_translator", "ngram_path", "pretrained_folder", "translator_path"]
