"""Unpack untrusted tar and zip archives once; nothing is written outside the folder.

The rules are those of tarfile's `data` filter, stated here because Python before 3.11.4 lacks it, and because
its early versions could be led out of the folder by chains of links.
"""

import errno
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from itertools import takewhile
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from ramospeech.errors import RamospeechError

_BLOCK = 1 << 20


def is_unpacked(name: str, folder: Path, by_hand: bool = False) -> bool:
    """Return whether an archive of that name was unpacked whole into the folder, by us or `by_hand`."""
    return _mark(name, folder, "unpacked").exists() or (by_hand and not _mark(name, folder, "unpacking").exists())


def unpack_once(archive: Path, folder: Path) -> None:
    """Unpack an archive, and leave a mark that tells whether that ended well."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = _mark(archive.name, folder, "unpacking")
    begun.touch()
    unpack(archive, folder)
    begun.replace(_mark(archive.name, folder, "unpacked"))


def unpack_nested(archives: Iterable[Path], folder: Path) -> None:
    """Unpack the archives, one per speaker, that a corpus holds inside it: S0002.tar.gz -> .../S0002/*.wav."""
    archives = sorted(archives)
    if not archives:
        return
    speakers = {path.name for path in [*folder.iterdir(), *folder.glob("*/*")] if path.is_dir()}
    for archive in tqdm(archives, "unpack", unit="speaker", disable=None):
        if not is_unpacked(archive.name, folder, archive.name.removesuffix(".tar.gz") in speakers):
            unpack_once(archive, folder)


def is_archive(path: Path) -> bool:
    """Return whether a file is to be unpacked, by its name."""
    return path.name.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".zip"))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive (gzip, bzip2, xz or none) into the folder; existing files are replaced.

    Raises RamospeechError for a damaged archive, a full disk, and a member that would land or point outside.
    """
    base = folder.resolve()
    if archive.name.endswith(".zip"):
        return _unzip(archive, base)
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                try:
                    _extract(tar, member, base)
                except ValueError as error:
                    raise RamospeechError(
                        f"{archive}: member {member.name!r} {error}; this is not the published archive: "
                        "delete it and download it again"
                    ) from None
            while tar.fileobj is not None and tar.fileobj.read(_BLOCK):
                pass  # on to the end, where compressors keep their checksum
    except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
        raise RamospeechError(
            f"{archive}: damaged or not a tar archive ({error}); delete it and run again to download it"
        ) from None
    except OSError as error:
        if error.errno is None:  # gzip and bzip2 report damage this way
            raise RamospeechError(f"{archive}: damaged ({error}); delete it and run again to download it") from None
        todo = "make room" if error.errno == errno.ENOSPC else "check the folder"
        raise RamospeechError(f"{archive}: cannot unpack into {folder} ({error.strerror}); {todo}, run again") from None


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, base: Path) -> None:
    """Write one member under `base`; ValueError says why a member is refused."""
    target = _inside(base, member.name)
    if target == base:
        return
    if not target.parent.resolve().is_relative_to(base):
        raise ValueError("leads out of the folder through a link")
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        if not target.resolve().is_relative_to(base):
            raise ValueError("leads out of the folder through a link")
        target.mkdir(exist_ok=True)
    elif member.isreg():
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        source = tar.extractfile(member)
        assert source is not None  # a regular file has content
        with source, open(part, "xb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        part.replace(target)
    elif member.issym():
        _check_link(member.linkname, target.parent.resolve(), base)
        target.unlink(missing_ok=True)
        target.symlink_to(member.linkname)
    elif member.islnk():
        origin = _inside(base, member.linkname)
        if not origin.is_file() or not origin.resolve().is_relative_to(base):
            raise ValueError(f"is a link to {member.linkname!r}, which the archive does not hold")
        target.unlink(missing_ok=True)
        target.hardlink_to(origin)
    else:
        raise ValueError("is a device or a pipe")


def _unzip(archive: Path, base: Path) -> None:
    """Unpack a zip archive, which holds folders and files only."""
    try:
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                _inside(base, name)
            file.extractall(base)
    except ValueError as error:
        raise RamospeechError(
            f"{archive}: member {name!r} {error}; this is not the published archive: delete it and download it again"
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise RamospeechError(
            f"{archive}: damaged or not a zip archive ({error}); delete it and run again to download it"
        ) from None
    except OSError as error:
        todo = "make room" if error.errno == errno.ENOSPC else "check the folder"
        raise RamospeechError(f"{archive}: cannot unpack into {base} ({error.strerror}); {todo}, run again") from None


def _inside(base: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("would land outside the folder")
    return base.joinpath(*path.parts)


def _check_link(link: str, folder: Path, base: Path) -> None:
    """Refuse a symbolic link out of `base`. `..` may stand only first: after a name it could climb a link."""
    parts = PurePosixPath(link).parts
    climbs = sum(1 for _ in takewhile("..".__eq__, parts))
    outside = PurePosixPath(link).is_absolute() or climbs > len(folder.relative_to(base).parts)
    if not parts or outside or ".." in parts[climbs:]:
        raise ValueError(f"is a link to {link!r}, outside the folder")


def _mark(name: str, folder: Path, state: str) -> Path:
    return folder / f".{name}.{state}"
