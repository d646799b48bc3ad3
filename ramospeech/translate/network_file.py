"""What the files of translators' networks say of themselves, read without torch."""

import json
from pathlib import Path

import numpy as np
import safetensors

from ramospeech.errors import ModelError

KEY = "ramospeech"  # the metadata entry, JSON
# Of a network: an LSTM, a transformer, and the language model of the n-gram translator's second pass.
SEQ2SEQ_FORMATS = ("ramospeech seq2seq translator 1", "ramospeech transformer translator 1")
CAUSAL_FORMAT = "ramospeech causal language model 1"
MIN_SHARED_CHARACTERS = 0.9  # fraction of the n-gram model's characters that a network must know


def format_of(path: Path) -> str | None:
    """Return the format that the metadata of a file of a network has; None for another file."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            return entry.get("format") if isinstance(entry, dict) else None
    except (OSError, ValueError, safetensors.SafetensorError):
        return None


def rows_of_characters(known: str, wanted: str, path: str | Path) -> np.ndarray:
    """Return the number in `known`, the characters of a network's file, of each of those `wanted`, (V,); -1 where it is
    not there. Raises ModelError where the two have too few in common."""
    position = {character: number for number, character in enumerate(known)}
    rows = np.array([position.get(character, -1) for character in wanted])
    shared = int((rows >= 0).sum())
    if shared < MIN_SHARED_CHARACTERS * len(wanted):
        raise ModelError(
            f"{path}: was trained with another n-gram model; it has {shared} of the {len(wanted)} characters of this "
            "one; give the n-gram model of its training as --ngram"
        )
    return rows
