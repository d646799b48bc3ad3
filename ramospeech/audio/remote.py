"""Parts of files at http addresses: range requests that are tried again, and a bounded cache of them on disk.

The cache holds a file for each part that was read. Several processes may share it: files appear whole or not at all,
and those that were not read for longest go when it is full.
"""

import hashlib
import http.client
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path

from ramospeech.errors import AudioError

_TIMEOUT = 30  # seconds without a byte
_ATTEMPTS = 5  # without any progress
_PAUSE = 0.5  # seconds before the second attempt, doubled before each further one
_KEPT = 0.9  # fraction of a full cache that stays
_SHARE = 0.01  # of the cache that a process writes before it looks again how much all have written


class Cache:
    """Parts of files on disk, `limit` bytes of them at most, but for what is written while others look."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._written = limit  # so that the first write looks at what is there
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what is kept under a key; None where nothing is."""
        path = self._path(key)
        try:
            found = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return found

    def put(self, key: str, content: bytes) -> None:
        """Keep content under a key; where the disk refuses, it is not kept."""
        path = self._path(key)
        part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            return
        with self._lock:
            self._written += len(content)
            if self._written > _SHARE * self.limit:
                self._written = 0
                self._shrink()

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        return self.folder / name[:2] / name

    def _shrink(self) -> None:
        """Delete what was not read for longest, where more is there than the limit."""
        found = []
        for path in self.folder.glob("??/*"):
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self.limit:
            return
        for _, size, path in sorted(found):
            with suppress(OSError):
                path.unlink()
            total -= size
            if total <= _KEPT * self.limit:
                return


def default_folder() -> Path:
    """Return where parts of shards are kept unless another folder is given."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ramospeech" / "shards"


_caches: list[Cache | None] = []  # the one in use, once it is known


def cache_shards(folder: str | Path | None, gigabytes: float) -> None:
    """Choose where parts of shards are kept, in the usual folder by default; 0 gigabytes keep nothing."""
    _caches[:] = [Cache(Path(folder) if folder else default_folder(), round(gigabytes * 2**30)) if gigabytes else None]


def read(url: str, start: int, size: int) -> bytes:
    """Return `size` bytes of a file from byte `start` on, or those until it ends; from the cache where they are there.

    Raises AudioError: they cannot be fetched, after several attempts.
    """
    if not _caches:
        cache_shards(None, 10.0)
    cache = _caches[0]
    key = f"{url} {start} {size}"
    found = cache.get(key) if cache else None
    if found is None:
        found = fetch(url, start, size)
        if cache and len(found) == size:
            cache.put(key, found)
    return found


def fetch(url: str, start: int, size: int, pause: float = _PAUSE) -> bytes:
    """Fetch a range as `read` does, without the cache; a connection that breaks is resumed where it broke."""
    found = b""
    attempt = 0
    while len(found) < size:
        before = len(found)
        try:
            part = _request(url, start + before, size - before)
            if part is None:
                return found
            found += part
            reason = f"the connection broke after {len(found)} of {size} bytes"
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):
                raise AudioError(f"cannot be fetched ({reason}); check the address of the shards") from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        attempt = 0 if len(found) > before else attempt + 1
        if attempt == _ATTEMPTS:
            raise AudioError(f"cannot be fetched ({reason}) in {_ATTEMPTS} attempts; check the network and the server")
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
    return found


def _request(url: str, start: int, size: int) -> bytes | None:
    """Return what one request delivers of a range; None where the file has ended before it. Raises as urllib does."""
    headers = {"Range": f"bytes={start}-{start + size - 1}", "User-Agent": "ramospeech", "Accept-Encoding": "identity"}
    try:
        request = urllib.request.Request(urllib.parse.quote(url, safe=":/?&=%@+,;~"), headers=headers)
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return None
        raise
    with response:
        match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if response.status != http.client.PARTIAL_CONTENT or not match or int(match[1]) != start:
            raise AudioError("its server does not send parts of files (range requests); serve it by another")
        try:
            found = response.read(size)
        except http.client.IncompleteRead as error:
            found = error.partial
    return found
