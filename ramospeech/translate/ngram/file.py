"""The file of an n-gram model: one safetensors file of compressed byte streams, with a JSON header in its metadata.

Sorted keys are stored as gaps. A trigram stores its last character as an index among the bigrams of the middle one, so
that gaps are small; a context without trigrams has no back-off weight. Each stream is then deflated (zlib), which
comes close to the entropy of its bytes. Loading checks everything that look-ups rely on and executes no code.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.malloc import release_freed_memory
from ramospeech.translate.lexicon import FALLBACK, Lexicon
from ramospeech.translate.ngram.keys import SortedKeys
from ramospeech.translate.ngram.model import ID_BITS, MAX_CHARACTERS, NgramModel

FORMAT = "ramospeech character n-gram 1"
HEADER = "ramospeech"  # a single key, because safetensors writes several in random order
BOUNDARY_CHARACTER = "\n"
_MAX_STREAM = 1 << 28  # bytes; limits the memory that a crafted file can take
_LEXICON_STEP = 1 / 16  # nats


def pack(model: NgramModel, training: dict[str, Any] | None = None) -> bytes:
    """Return the model as the bytes of its file; `training` describes how it was trained."""
    b, c = model.bigrams >> ID_BITS, model.bigrams & (MAX_CHARACTERS - 1)
    trigrams = model.trigrams.unpacked()
    context, rank = trigrams >> ID_BITS, trigrams & (MAX_CHARACTERS - 1)
    children = np.bincount(context, minlength=len(model.bigrams))
    lexicon = model.lexicon
    streams = {
        "characters": np.frombuffer(model.characters.encode(), np.uint8),
        "unigram": model.unigram.astype("<f4"),
        "unigram_backoff": model.unigram_backoff.astype("<f4"),
        "bigrams_of": _varints(np.bincount(b, minlength=len(model.characters))),
        "bigram_gaps": _varints(_gaps(c, b)),
        "bigram_boosts": model.bigram_boosts,
        "bigram_backoffs": model.bigram_backoffs[children > 0],
        "trigrams_of": _varints(children),
        "trigram_gaps": _varints(_gaps(rank, context)),
        "trigram_boosts": model.trigram_boosts,
        "syllables": np.frombuffer(" ".join(lexicon.syllables).encode(), np.uint8),
        "readings_of": _varints(np.diff(lexicon.first)),
        "reading_ids": lexicon.ids.astype("<u2"),
        "reading_costs": np.clip(np.rint(-lexicon.log_probs / _LEXICON_STEP), 0, 255).astype(np.uint8),
    }
    deflated = {name: np.frombuffer(zlib.compress(a.tobytes(), 9), np.uint8) for name, a in streams.items()}
    header = {"format": FORMAT, "step": model.step, "training": training or {}}
    return save(deflated, {HEADER: json.dumps(header, ensure_ascii=False, sort_keys=True)})


def write(path: Path, packed: bytes) -> None:
    """Write the file completely or not at all; raises ModelError."""
    with whole_file(path, "wb", ModelError, "make room or choose another --output") as file:
        file.write(packed)


def read(path: Path) -> NgramModel:
    """Read a model; raises ModelError, which names the file, if it is missing, broken or of another kind."""
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            if header.get("format") != FORMAT:
                raise ModelError(f"{path}: not an n-gram translator; train one with ramospeech.translate.ngram.train")
            streams = {name: _inflate(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        model = _assemble(streams, float(header["step"]))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model; train one with ramospeech.translate.ngram.train") from None
    except (OSError, SafetensorError, zlib.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelError(f"{path}: the model is broken ({error}); fetch or train it again") from None
    del streams
    release_freed_memory()  # 80 MB of streams
    return model


def _assemble(streams: dict[str, bytes], step: float) -> NgramModel:
    def array(name: str, dtype: str = "u1") -> np.ndarray:
        return np.frombuffer(streams[name], dtype)

    def numbers(name: str) -> np.ndarray:
        return _from_varints(np.frombuffer(streams.pop(name), "u1"))

    characters = streams["characters"].decode()
    size = len(characters)
    bigrams_of, trigrams_of, readings_of = numbers("bigrams_of"), numbers("trigrams_of"), numbers("readings_of")
    _check(1 < size <= MAX_CHARACTERS and len(set(characters)) == size, "characters")
    _check(characters.startswith(BOUNDARY_CHARACTER + FALLBACK), "characters")
    _check(len(bigrams_of) == size and 0 < step < 10, "sizes")

    c = _from_gaps(numbers("bigram_gaps"), bigrams_of)
    _check(c.max(initial=0) < size, "bigrams")
    b = np.repeat(np.arange(size, dtype=np.int32), bigrams_of)
    backoffs = np.zeros(len(b), np.uint8)
    _check(len(trigrams_of) == len(b), "trigrams")
    backoffs[trigrams_of > 0] = array("bigram_backoffs")
    rank = _from_gaps(numbers("trigram_gaps"), trigrams_of)
    _check(bool((rank < np.repeat(bigrams_of[c], trigrams_of)).all()), "trigrams")
    release_freed_memory()  # the largest array comes now
    trigrams = np.repeat(np.arange(len(b), dtype=np.int64) << ID_BITS, trigrams_of)
    trigrams |= rank

    ids, costs = array("reading_ids", "<u2"), array("reading_costs")
    syllables = tuple(streams["syllables"].decode().split())
    _check(len(syllables) == len(readings_of) and readings_of.sum() == len(ids) == len(costs), "lexicon")
    _check(readings_of.min(initial=1) > 0 and ids.max(initial=0) < size, "lexicon")
    first = np.concatenate(([0], np.cumsum(readings_of)))
    log_probs = costs * np.float32(-_LEXICON_STEP)
    model = NgramModel(
        characters,
        array("unigram", "<f4"),
        array("unigram_backoff", "<f4"),
        (b << ID_BITS) | c,
        array("bigram_boosts"),
        backoffs,
        SortedKeys(trigrams),
        array("trigram_boosts"),
        step,
        Lexicon(syllables, first, ids.astype(np.int32), log_probs),
    )
    _check(len(model.unigram) == len(model.unigram_backoff) == size, "unigrams")
    _check(bool(np.isfinite(model.unigram).all() and np.isfinite(model.unigram_backoff).all()), "unigrams")
    _check(len(model.bigram_boosts) == len(b) and len(model.trigram_boosts) == len(trigrams), "boosts")
    return model


def _check(good: bool, what: str) -> None:
    if not good:
        raise ValueError(f"its {what} do not fit together")


def _inflate(tensor: np.ndarray) -> bytes:
    inflater = zlib.decompressobj()
    stream = inflater.decompress(tensor.tobytes(), _MAX_STREAM)
    _check(inflater.eof, "streams")
    return stream


def _gaps(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return by how much each of the ascending values of a row exceeds its minimum, the previous value plus 1."""
    gaps = np.diff(values, prepend=0) - 1
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    gaps[first] = values[first]
    return gaps


def _from_gaps(gaps: np.ndarray, row_sizes: np.ndarray) -> np.ndarray:
    """Invert `_gaps`, in the memory of int32 `gaps`; rows without values have size 0."""
    _check(int(row_sizes.sum()) == len(gaps), "rows")
    # 32 bits, because there are millions. The sums over all rows may wrap; the differences within a row, of fewer than
    # 2**14 numbers below 2**14, are exact again.
    gaps += 1
    running = np.cumsum(gaps, dtype=np.int32, out=gaps)
    first = np.cumsum(row_sizes, dtype=np.int64) - row_sizes
    before = np.concatenate((np.zeros(1, np.int32), running))[first]
    running -= np.repeat(before, row_sizes)
    running -= 1
    _check(int(running.min(initial=0)) >= 0, "numbers")  # a value too large for its row has wrapped
    return running


def _varints(values: np.ndarray) -> np.ndarray:
    """Encode numbers below 2**14 as one byte, or as two of which the first has its high bit set."""
    values = values.astype(np.int64)
    long = values >= 0x80
    index = np.arange(len(values)) + np.cumsum(long) - long
    out = np.empty(len(values) + np.count_nonzero(long), np.uint8)
    out[index] = np.where(long, (values & 0x7F) | 0x80, values)
    out[index[long] + 1] = values[long] >> 7
    return out


def _from_varints(stream: np.ndarray) -> np.ndarray:
    """Invert `_varints`. Second bytes are below 0x80, so the byte before tells first and second bytes apart."""
    second = np.concatenate(([False], stream[:-1] >= 0x80))
    _check(bool((stream[second] < 0x80).all()) and bool((stream[-1:] < 0x80).all()), "numbers")
    values = (stream & 0x7F).astype(np.int32)
    high = np.flatnonzero(second)
    values[high - 1] += values[high] << 7
    return values[~second]
