"""Archives from OpenSLR and others: resumable download from several mirrors, checked by size and md5,
unpacked once.

A file carries its own name only when it is whole and checked; until then it is `NAME.part`, and the next run
resumes where that ends. Marks beside the unpacked folders make a second run do nothing, even when the
archives were deleted to save room.
"""

import hashlib
import http.client
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from ramospeech.corpora.unpack import is_archive, is_unpacked, unpack_once
from ramospeech.errors import RamospeechError

MIRRORS = (
    "https://www.openslr.org/resources",
    "https://openslr.trmal.net/resources",
    "https://openslr.elda.org/resources",
    "https://openslr.magicdatatech.com/resources",
)
_BLOCK = 1 << 20
_TIMEOUT = 60  # seconds without a byte
_ATTEMPTS = 3  # at a mirror, without any progress


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of an OpenSLR resource, or below `url`; size in bytes and md5 (or sha256) where they are published.

    `folder` is what unpacking brings, relative to the root; `unpack_into` the folder of the root to unpack into;
    `save_in` the folder that the file itself is put into. A file that is not an archive stays as it is.
    """

    resource: int = 0
    name: str = ""
    size: int | None = None
    md5: str = ""
    folder: str = ""
    unpack_into: str = ""
    url: str = ""
    save_in: str = ""

    def addresses(self, mirrors: Sequence[str]) -> list[str]:
        """Return where it can be had."""
        return [f"{self.url}/{self.name}"] if self.url else [f"{base}/{self.resource}/{self.name}" for base in mirrors]

    def path(self, root: Path) -> Path:
        """Return where it is put."""
        return root / self.save_in / self.name


class _NotDeliveredError(Exception):
    """Why one address did not deliver; the next may."""


def download_and_unpack(archives: Sequence[Archive], root: Path, mirrors: Sequence[str] = MIRRORS) -> None:
    """Download the archives to `root` and unpack them there; what is there already is left as it is.

    Raises RamospeechError when no mirror delivers the published file, the disk is full or an archive is bad.
    """
    for archive in archives:
        if not _is_unpacked(archive, root):
            fetch(archive.addresses(mirrors), archive.path(root), archive.size, archive.md5)
    unpack_found(archives, root)


def unpack_found(archives: Sequence[Archive], root: Path) -> None:
    """Unpack those archives that lie in `root`, each only once."""
    for archive in archives:
        path = archive.path(root)
        if is_archive(path) and path.exists() and not _is_unpacked(archive, root):
            print(f"unpacking {archive.name}, which takes some minutes", file=sys.stderr)
            unpack_once(path, root / archive.unpack_into)


def _is_unpacked(archive: Archive, root: Path) -> bool:
    """Return whether an archive was unpacked: by us, or by the user, who leaves no mark."""
    by_hand = bool(archive.folder) and (root / archive.folder).exists()
    return is_unpacked(archive.name, root / archive.unpack_into, by_hand)


def fetch(urls: Sequence[str], target: Path, size: int | None = None, md5: str = "", pause: float = 2.0) -> Path:
    """Download `target` from the first address that delivers it; returns `target`.

    What is already in `target.part` is not asked for again. `size` (bytes) and `md5` (or sha256) are checked at the
    end. `pause` is the time in seconds before the second try, doubled before each further one.
    """
    if target.exists():
        if size is not None and target.stat().st_size != size:
            raise RamospeechError(
                f"{target}: {target.stat().st_size} bytes, where the publisher has {size}; "
                "delete it and run again to download it"
            )
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    failures = []
    for url in urls:
        try:
            _deliver(url, part, size, pause)
            _verify(part, size, md5)
        except _NotDeliveredError as failure:
            failures.append(f"  {url}: {failure}")
            continue
        part.replace(target)
        return target
    raise RamospeechError(
        f"cannot download {target.name}:\n" + "\n".join(failures) + "\n"
        "check the network and run again (what has arrived is kept), or download it elsewhere and "
        f"put it at {target}"
    )


def _deliver(url: str, part: Path, size: int | None, pause: float) -> None:
    """Fetch one address completely, resuming after each broken connection as long as there is progress."""
    attempt, largest = 0, -1
    while True:
        attempt = 1 if _size(part) > largest else attempt + 1
        largest = max(largest, _size(part))
        try:
            return _stream(url, part, size)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500:
                raise _NotDeliveredError(reason) from None
        except urllib.error.URLError as error:
            reason = str(error.reason)
        except (http.client.HTTPException, OSError) as error:
            reason = f"the connection broke ({error or type(error).__name__})"
        if attempt == _ATTEMPTS:
            raise _NotDeliveredError(reason)
        time.sleep(pause * 2 ** (attempt - 1))


def _stream(url: str, part: Path, size: int | None) -> None:
    """Make one request: append to `part` what is missing. Raises OSError or HTTPException when it is cut."""
    start = _size(part)
    if size is not None and start >= size:
        return  # whole, or too long: the check will tell
    request = urllib.request.Request(url, headers={"User-Agent": "ramospeech", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # nothing after what we hold: done, or not this file; the check tells
            return
        raise
    with response:
        start = _start_of(response, start)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else size
        if size is not None and total is not None and total != size:
            raise _NotDeliveredError(f"has {total} bytes, where the publisher has {size}")
        _check_free_space(part, (total or start) - start)
        with (
            _opened(part, start) as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
        ):
            while block := response.read(_BLOCK):
                _write(file, block, part)
                bar.update(len(block))
    if total is not None and _size(part) < total:
        raise ConnectionError(f"{_size(part)} of {total} bytes arrived")


def _start_of(response, requested: int) -> int:
    """Return where the body begins in the file: a server may ignore the range that was asked for and send all."""
    if response.status != http.client.PARTIAL_CONTENT:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not match or int(match[1]) != requested:
        raise _NotDeliveredError("answers with another part of the file than was asked for")
    return requested


def _verify(part: Path, size: int | None, md5: str) -> None:
    """Check a finished download; a wrong one is deleted, since it cannot be resumed."""
    wrong = ""
    if size is not None and _size(part) != size:
        wrong = f"{_size(part)} bytes instead of {size}"
    elif md5:
        kind = "md5" if len(md5) == 32 else "sha256"
        with open(part, "rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
        wrong = "" if digest == md5 else f"{kind} {digest} instead of {md5}"
    if wrong:
        part.unlink()
        raise _NotDeliveredError(f"what arrived is not the published file ({wrong}); it was deleted")


def _opened(part: Path, start: int) -> BinaryIO:
    """Open `part`, to resume at its end or to start from the beginning."""
    try:
        return open(part, "ab" if start else "wb")
    except OSError as error:
        raise RamospeechError(f"{part}: cannot write ({error.strerror}); choose another --root") from None


def _write(file: BinaryIO, block: bytes, part: Path) -> None:
    try:
        file.write(block)
    except OSError as error:
        raise RamospeechError(f"{part}: cannot write ({error.strerror}); make room and run again") from None


def _check_free_space(part: Path, missing: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise RamospeechError(
            f"{part.parent}: {missing / 1e9:.1f} GB are still to come and {free / 1e9:.1f} GB are free; "
            "make room or choose another --root"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
