"""An index of a long list, made once beside it: where each line begins, and what decides whether its clip can be used.

LIST.index.npy has a row for each clip, LIST.index.json says of which file, units, vocabulary and folder it is. It is
made again where one of these has changed; the list is known by its size and the time when it was written.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ramospeech import audio
from ramospeech.corpora.check import Limits, frames_needed
from ramospeech.corpora.lists import parse_line
from ramospeech.errors import AudioError, ListError
from ramospeech.files import whole_file

_VERSION = 1
_ROW = np.dtype(
    [
        ("offset", "<i8"),
        ("seconds", "<f8"),
        ("shard", "<i4"),  # -1 for a file of its own
        ("labels", "<u2"),
        ("needed", "<u2"),  # output frames that CTC needs
        ("unknown", "<u2"),
        ("doubtful", "u1"),  # missing, unreadable or without a label: is looked at again in every run
    ]
)
_MOST = 65_535  # labels of a line
Watch = Callable[[Iterable[Any], int], Iterable[Any]]


def read_index(
    path: Path, data_root: str | Path, limits: Limits, watch: Watch = lambda items, total: items
) -> np.ndarray:
    """Return the rows of a list, from its index where that fits; else it is made, and kept where the disk allows.

    Raises ListError as `read_list` does.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ListError(f"{path}: cannot read this list ({error.strerror}); check the name") from None
    digest = hashlib.sha256("\n".join(limits.vocabulary.units).encode()).hexdigest()
    fits = {
        "version": _VERSION,
        "size": status.st_size,
        "written": status.st_mtime_ns,
        "units": limits.units.name,
        "vocabulary": digest,
        "data_root": os.path.abspath(data_root) if not audio.is_url(str(data_root)) else str(data_root),
    }
    rows_file, about = path.with_name(f"{path.name}.index.npy"), path.with_name(f"{path.name}.index.json")
    with suppress(OSError, ValueError):
        if json.loads(about.read_text("utf-8")) == fits:
            return np.load(rows_file, mmap_mode="r")
    rows = make_index(path, data_root, limits, watch)
    try:
        about.unlink(missing_ok=True)
        with whole_file(rows_file, "wb", ListError, "") as file:
            np.save(file, rows)
        with whole_file(about, "w", ListError, "") as file:
            json.dump(fits, file)
    except (ListError, OSError) as error:
        print(f"{path}: its index cannot be kept, so each start makes it again: {error}", file=sys.stderr)
    return rows


def make_index(path: Path, data_root: str | Path, limits: Limits, watch: Watch) -> np.ndarray:
    """Return a row for each clip of a list. Raises ListError, naming `file:line`."""
    with path.open("rb") as file:
        count = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 24), b"")) + 1
    rows = np.zeros(count, _ROW)
    shards: dict[str, int] = {}
    used, offset = 0, 0
    with path.open("rb") as file:
        for number, line in enumerate(watch(file, count), 1):
            begin, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                clip = parse_line(line, limits.units)
                if len(clip.tokens) > _MOST:
                    raise ValueError(f"{len(clip.tokens)} labels; a line may have {_MOST}")
            except ValueError as error:
                raise ListError(f"{path}:{number}: {error}") from None
            ids = limits.vocabulary.encode(clip.tokens)
            name = clip.path.partition("#")[0]
            shard = shards.get(name)
            if shard is None:
                located = audio.located(data_root, clip.path)
                there = audio.exists(located)
                if there and audio.shard_of(located) is not None:
                    shard = shards[name] = len(shards)
            else:
                there = True  # asking once per shard is enough
            seconds = clip.seconds or 0.0
            if there and not seconds:
                with suppress(AudioError):
                    seconds = audio.duration(audio.located(data_root, clip.path), lambda note: None)
            rows[used] = (
                begin,
                seconds,
                -1 if shard is None else shard,
                len(ids),
                min(_MOST, frames_needed(ids)),
                len(limits.vocabulary.unknown(clip.tokens)),
                not (there and seconds and ids),
            )
            used += 1
    return rows[:used]
