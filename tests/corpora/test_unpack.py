"""Unpacking: what archives may do, and what a hostile one may not."""

import os
import tarfile

import pytest

from ramospeech.corpora import unpack as module
from ramospeech.corpora.unpack import is_unpacked, unpack, unpack_nested, unpack_once
from ramospeech.errors import RamospeechError


def link(target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def special(kind):
    info = tarfile.TarInfo()
    info.type = kind
    return info


def test_files_folders_and_inner_links_come_out(tar_of, tmp_path):
    archive = tar_of(
        {
            "./c/data/a.wav": b"sound",
            "c/train": special(tarfile.DIRTYPE),
            "c/train/a.wav": link("../data/a.wav"),
            "c/test/a.wav": link("c/data/a.wav", tarfile.LNKTYPE),
        }
    )
    for _ in range(2):  # unpacking over an older copy replaces it
        unpack(archive, tmp_path / "out")
    assert (tmp_path / "out/c/train/a.wav").read_bytes() == b"sound"
    assert (tmp_path / "out/c/train/a.wav").is_symlink()
    assert (tmp_path / "out/c/test/a.wav").read_bytes() == b"sound"


HOSTILE = {
    "parent": {"../evil.txt": b"x"},
    "deep parent": {"a/../../evil.txt": b"x"},
    "absolute": {"/tmp/ramospeech-evil.txt": b"x"},
    "link out": {"a": link("../..")},
    "absolute link": {"a": link("/etc")},
    "climbing link": {"a": link("b/../../..")},
    "hard link out": {"a": link("../outside.txt", tarfile.LNKTYPE)},
    "hard link to nothing": {"a": link("b", tarfile.LNKTYPE)},
    "device": {"a": special(tarfile.CHRTYPE)},
    "pipe": {"a": special(tarfile.FIFOTYPE)},
    "empty link": {"a": link("")},
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_members_are_refused_by_name(members, tar_of, tmp_path):
    (tmp_path / "outside.txt").write_text("mine")
    with pytest.raises(RamospeechError, match=r"archive.tar.gz: member '.+' .*not the published archive"):
        unpack(tar_of(members), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} <= {"archive.tar.gz", "out", "outside.txt"}
    assert not list((tmp_path / "out").glob("*"))


def test_a_link_that_was_there_before_does_not_lead_out(tar_of, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "out/a")
    with pytest.raises(RamospeechError, match="leads out"):
        unpack(tar_of({"a/evil.txt": b"x"}), tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_replaces_a_link_and_does_not_write_through_it(tar_of, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    os.symlink(tmp_path / "mine.txt", tmp_path / "out/a.txt")
    unpack(tar_of({"a.txt": b"theirs"}), tmp_path / "out")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "out/a.txt").read_bytes() == b"theirs"


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_damaged_archive_is_named(cut, tar_of, tmp_path):
    archive = tar_of({f"{n}.bin": os.urandom(300) for n in range(9)})
    archive.write_bytes(archive.read_bytes()[:cut] if cut else b"not a tar archive at all")
    with pytest.raises(RamospeechError, match=r"archive.tar.gz: damaged"):
        unpack(archive, tmp_path / "out")


def test_damage_within_the_data_is_found(tar_of, tmp_path):
    archive = tar_of({"a.bin": os.urandom(100_000)})
    content = bytearray(archive.read_bytes())
    content[50_000:50_050] = bytes(50)
    archive.write_bytes(content)
    with pytest.raises(RamospeechError, match=r"archive.tar.gz: damaged"):
        unpack(archive, tmp_path / "out")


def test_a_full_disk_is_reported(tar_of, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.shutil, "copyfileobj", full)
    with pytest.raises(RamospeechError, match=r"No space left on device.*make room"):
        unpack(tar_of({"a.txt": b"x"}), tmp_path / "out")


def test_once_is_once_and_an_interrupted_run_begins_again(tar_of, tmp_path):
    out, archive = tmp_path / "out", tar_of({"a.txt": b"x", "../evil": b"y"}, "c.tgz")
    with pytest.raises(RamospeechError):
        unpack_once(archive, out)
    assert not is_unpacked("c.tgz", out)
    tar_of({"a.txt": b"new"}, "c.tgz")
    assert not is_unpacked("c.tgz", out, by_hand=True)  # there, but only in part: our own run was interrupted
    unpack_once(archive, out)
    assert (out / "a.txt").read_bytes() == b"new"
    assert is_unpacked("c.tgz", out)


def test_speakers_unpacked_by_hand_are_left_alone(tar_of, tmp_path):
    for speaker in ("S0002", "S0003"):
        tar_of({f"train/{speaker}/a.wav": b"from the archive"}, f"{speaker}.tar.gz", tmp_path)
    (tmp_path / "train/S0002").mkdir(parents=True)
    (tmp_path / "train/S0002/a.wav").write_bytes(b"by hand")
    unpack_nested(tmp_path.glob("*.tar.gz"), tmp_path)
    assert (tmp_path / "train/S0002/a.wav").read_bytes() == b"by hand"
    assert (tmp_path / "train/S0003/a.wav").read_bytes() == b"from the archive"
