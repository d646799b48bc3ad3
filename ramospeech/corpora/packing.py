"""Lists packed into shards: `ramospeech prepare pack LIST... --output DIR`, then `train.py --train_manifest`.

Writes DIR/NAME-000000.tar and so on: for each clip its recording and a .json with its path, tokens, text and seconds,
by WebDataset's convention (`000000017.flac`, `000000017.json`); and DIR/NAME.txt, the list to train on, whose paths
name files in these tars and are relative to DIR. DIR may be copied to a web server: give its address as --data_root.

Recordings are packed as they are; pieces of recordings and samples without a header become flac at 16 kHz. Clips are in
random order, so that a few shards are a fair sample of the whole list.
"""

import argparse
import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ramospeech import audio, errors
from ramospeech.cli import Parser, positive
from ramospeech.corpora.lists import columns_of, seconds_of, write_text
from ramospeech.corpora.progress import progress
from ramospeech.errors import AudioError, ListError, UsageError
from ramospeech.files import list_lines, whole_file


@dataclass(frozen=True)
class Packed:
    """What became of a list: the lines of the new one, its shards, and messages on the clips that were left out."""

    lines: list[str]
    shards: list[Path]
    left_out: list[str]


def pack(
    lists: Sequence[Path], output: Path, data_root: str | Path, shard_bytes: int, name: str, seed: int = 0
) -> Packed:
    """Pack the clips of lists into shards of about `shard_bytes`, and write their list and what was left out.

    Raises ListError: a line that is not one of a list, or a disk that is full.
    """
    rows = [(path, number, line) for path in lists for number, line in enumerate(list_lines(path), 1) if line.strip()]
    result = Packed([], [], [])
    pending = iter(progress([rows[i] for i in np.random.default_rng(seed).permutation(len(rows))], "pack", len(rows)))
    clips = _clips(pending, data_root, result.left_out)
    clip = next(clips, None)
    while clip is not None:
        shard = output / f"{name}-{len(result.shards):06d}.tar"
        with (
            whole_file(shard, "wb", ListError, "make room or choose another --output") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            while clip is not None and (tar.offset == 0 or tar.offset + len(clip[1]) <= shard_bytes):
                columns, content, suffix = clip
                key = f"{len(result.lines):09d}"
                begin = _add(tar, key + suffix, content)
                seconds = {"seconds": float(columns[3])} if len(columns) == 4 else {}
                record = {"path": columns[0], "tokens": columns[1], "text": columns[2], **seconds}
                _add(tar, f"{key}.json", json.dumps(record, ensure_ascii=False).encode())
                result.lines.append("\t".join([str(audio.member_of(shard.name, begin, len(content))), *columns[1:]]))
                clip = next(clips, None)
        result.shards.append(shard)
    if result.lines:
        write_text(output / f"{name}.txt", "".join(f"{line}\n" for line in result.lines))
    write_text(output / f"{name}.left_out.txt", "".join(f"{line}\n" for line in result.left_out))
    return result


def _clips(
    rows: Iterator[tuple[Path, int, str]], data_root: str | Path, left_out: list[str]
) -> Iterator[tuple[list[str], bytes, str]]:
    """Yield the columns, the content and the suffix of each clip that can be read; name the others."""
    for path, number, line in rows:
        try:
            columns = columns_of(line)
            if len(columns) == 4:
                seconds_of(columns[3])
            content, suffix = _content(audio.located(data_root, columns[0]))
        except AudioError as error:
            left_out.append(f"{path}:{number}: {error}")
        except ValueError as error:
            raise ListError(f"{path}:{number}: {error}") from None
        else:
            yield columns, content, suffix


def _content(path: Path) -> tuple[bytes, str]:
    """Return a file as it is, and its suffix; flac of a piece of one. Raises AudioError."""
    if audio.file_of(path) == str(path):
        audio.duration(path, lambda note: None)  # raises AudioError for what cannot be read
        return path.read_bytes(), re.sub(r"[^\w.]", "", path.suffix.lower()) or ".wav"
    out = io.BytesIO()
    soundfile.write(out, audio.load(path), audio.SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return out.getvalue(), ".flac"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a file to a tar; returns the byte that its content begins at."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    begin = tar.offset + tarfile.BLOCKSIZE
    tar.addfile(info, io.BytesIO(content))
    return begin


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; prints how many clips were packed into how many shards."""
    parser = _parser()
    args = parser.parse_args(argv)
    name = args.name or args.lists[0].name.split(".")[0]
    if not re.fullmatch(r"[\w-]+", name):
        raise UsageError(f"{name!r} cannot name shards; give letters, digits, _ and - with --name")
    result = pack(args.lists, args.output, args.data_root, round(args.shard_mb * 2**20), name)
    for message in result.left_out[:5]:
        print(f"left out: {message}")
    if not result.lines:
        raise ListError(f"{', '.join(map(str, args.lists))}: no clip can be packed; no shard was written")
    size = sum(path.stat().st_size for path in result.shards)
    summary = f"{len(result.lines):,} clips in {len(result.shards):,} shard(s), {size / 2**20:,.1f} MB"
    print(f"{args.output / name}.txt: {summary}, {len(result.left_out):,} left out ({name}.left_out.txt)")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(description=__doc__)
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST", help="lists of the clips to pack")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder of the shards")
    parser.add_argument("--data_root", default="data", help="folder that the lists' paths are relative to")
    parser.add_argument("--shard_mb", type=positive, default=256.0, help="size of a shard")
    parser.add_argument("--name", help="of the shards and their list (default: of the first list)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
