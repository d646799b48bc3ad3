"""Shards: packing, reading from disk and over HTTP with broken connections, the cache, corrupt shards."""

import io
import json
import re
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from ramospeech import audio
from ramospeech.audio import remote
from ramospeech.corpora import Limits, read_list
from ramospeech.corpora.__main__ import main
from ramospeech.data import Loader, read_clips
from ramospeech.errors import AudioError
from ramospeech.text import Vocabulary


@pytest.fixture
def packed(speak, tmp_path, capsys):
    """Twelve clips, two of them pieces and one damaged, in shards of at most 200 kB; {original path: waveform}."""
    lines = []
    for n in range(9):
        speak(tmp_path / f"data/{n}.wav", 1.0 + n / 4)
        lines.append(f"{n}.wav\tni3 hao3\t你好\t{1 + n / 4}\n")
    lines += [f"8.wav#{n}-{n + 1}.5\tni3 hao3\t你好\t1.5\n" for n in range(2)]
    (tmp_path / "data/raw.pcm").write_bytes(np.arange(32_000, dtype="<i2").tobytes())
    lines += ["raw.pcm#s16le\tni3 hao3\t你好\n", "damaged.wav\tni3 hao3\t你好\t1.0\n"]
    (tmp_path / "data/damaged.wav").write_bytes(b"RIFF")
    (tmp_path / "l_train.txt").write_text("".join(lines), encoding="utf-8")
    place = [str(tmp_path / "l_train.txt"), "--output", str(tmp_path / "out"), "--data_root", str(tmp_path / "data")]
    assert main(["pack", *place, "--shard_mb", "0.2"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"out/l_train.txt: 12 clips in [3-9] shard\(s\), \d.\d MB, 1 left out", shown)
    assert "left out: " in shown and "damaged.wav" in shown
    waveforms = {path: audio.load(tmp_path / "data" / path) for path in (line.split("\t")[0] for line in lines[:-1])}
    return tmp_path / "out", waveforms


def test_shards_hold_what_the_list_named(packed):
    folder, waveforms = packed
    clips = {clip.path: clip for clip in read_list(folder / "l_train.txt")}
    seen = {}
    for shard in sorted(folder.glob("*.tar")):
        assert shard.stat().st_size < 250_000
        with tarfile.open(shard) as tar:
            members = tar.getmembers()
        names = [member.name for member in members]
        assert [name.split(".")[0] for name in names[::2]] == [name.split(".")[0] for name in names[1::2]]
        assert all(name.endswith(".json") for name in names[1::2])
        for recording, text in zip(members[::2], members[1::2], strict=True):
            record = json.loads(shard.read_bytes()[text.offset_data : text.offset_data + text.size])
            path = f"{shard.name}#{recording.offset_data}+{recording.size}"
            assert clips[path].tokens == tuple(record["tokens"].split()) and clips[path].text == record["text"]
            assert clips[path].seconds == record.get("seconds")
            waveform = audio.load(folder / path)
            assert np.abs(waveform - waveforms[record["path"]]).max() < 1e-4
            seen[record["path"]] = path
    assert seen.keys() == waveforms.keys() and len(clips) == 12


def test_packing_again_gives_the_same_bytes(packed, tmp_path, capsys):
    folder, _ = packed
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    place = [str(tmp_path / "l_train.txt"), "--output", str(folder), "--data_root", str(tmp_path / "data")]
    assert main(["pack", *place, "--shard_mb", "0.2"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_corrupt_shard_is_named_and_its_clips_are_left_out(packed):
    folder, _ = packed
    shards = sorted(folder.glob("*.tar"))
    shards[0].write_bytes(shards[0].read_bytes()[:20_000])  # in its first clip
    content = bytearray(shards[1].read_bytes())
    content[:512] = bytes(512)  # the header of its first clip
    shards[1].write_bytes(content)
    clips = read_list(folder / "l_train.txt")
    (batch,) = Loader(clips, folder, Vocabulary.inventory(), 8)([list(range(12))])
    of_first = sum(clip.path.startswith(shards[0].name) for clip in clips)
    assert len(batch) == 12 - of_first - 1 and len(batch.unreadable) == of_first + 1
    assert sum(f"{shards[0].name}#" in message for message in batch.unreadable) == of_first
    assert sum("truncated: the shard ends" in message for message in batch.unreadable) == 1
    shards[2].unlink()
    found = read_clips([folder / "l_train.txt"], folder, Limits(durations="list"))
    missing = [clip.path for clip, reason, _ in found.dropped if reason == "missing"]
    assert missing == [clip.path for clip in clips if clip.path.startswith(shards[2].name)]


@pytest.mark.parametrize(
    ("line", "options", "what"),
    [
        ("a.wav ni3\n", [], "l.txt:1: not path, tokens, text"),
        ("a.wav\tni3\t你\tx\n", [], "l.txt:1: 'x' is not a duration"),
        ("gone.wav\tni3\t你\n", [], "no clip can be packed; no shard was written"),
        ("gone.wav\tni3\t你\n", ["--name", "a/b"], "'a/b' cannot name shards"),
        ("gone.wav\tni3\t你\n", ["--shard_mb", "0"], "--shard_mb"),
    ],
)
def test_wrong_use_of_packing(line, options, what, tmp_path, capsys):
    (tmp_path / "l.txt").write_text(line, encoding="utf-8")
    assert main(["pack", str(tmp_path / "l.txt"), "--output", str(tmp_path / "o"), *options]) == 2
    assert what in capsys.readouterr().err
    assert not list(tmp_path.glob("o/*.tar"))


class Server:
    """Serves a folder by ranges. `faults`: what each next request meets: "cut", "refuse", 500, 404 or "whole"."""

    def __init__(self, folder):
        self.faults, self.asked = [], []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(handler):  # noqa: N805
                self.asked.append(handler.headers["Range"])
                fault = self.faults.pop(0) if self.faults else ""
                content = (folder / handler.path[1:]).read_bytes()
                first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["Range"]).groups())
                part = content[first : last + 1]
                if fault == "refuse":
                    handler.connection.close()
                    handler.close_connection = True
                    return
                if isinstance(fault, int) or not part:
                    handler.send_error(fault or 416)
                    return
                handler.send_response(200 if fault == "whole" else 206)
                if fault != "whole":
                    handler.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
                handler.send_header("Content-Length", str(len(part)))
                handler.end_headers()
                handler.wfile.write(part[: len(part) // 2] if fault == "cut" else part)
                handler.close_connection = True

            def log_message(handler, *args):  # noqa: N805
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_caches", [])
    audio.cache_shards(tmp_path / "cache", 1.0)
    monkeypatch.setattr(remote.fetch, "__defaults__", (0.001,))
    made = Server(packed[0])
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_training_reads_shards_at_an_address(packed, server):
    folder, _ = packed
    found = read_clips([folder / "l_train.txt"], server.address, Limits())
    assert len(found.clips) == 12 and not found.dropped
    loader = Loader(found.clips, server.address, Vocabulary.inventory(), 8)
    local = Loader(found.clips, folder, Vocabulary.inventory(), 8)
    asked = len(server.asked)
    for batch, other in zip(loader([[0, 1, 2], [3]]), local([[0, 1, 2], [3]]), strict=True):
        assert (batch.waveforms == other.waveforms).all() and not batch.unreadable
    assert len(server.asked) == asked  # all is in the cache since the lengths were asked for


@pytest.mark.parametrize("faults", [["cut"], ["cut"] * 8, ["refuse", 500, 503, "cut", "refuse"], [429]])
def test_broken_connections_are_resumed(faults, packed, server):
    folder, _ = packed
    clip = read_list(folder / "l_train.txt")[0]
    server.faults = list(faults)
    assert (audio.load(f"{server.address}/{clip.path}") == audio.load(folder / clip.path)).all()
    assert not server.faults


@pytest.mark.parametrize(
    ("faults", "what"),
    [
        ([404], r"cannot be fetched \(HTTP 404 .*\); check the address"),
        ([500] * 5, r"cannot be fetched \(HTTP 500 .*\) in 5 attempts"),
        (["whole"], "does not send parts of files"),
    ],
)
def test_what_cannot_be_fetched_is_named(faults, what, packed, server):
    clip = read_list(packed[0] / "l_train.txt")[0]
    server.faults = list(faults)
    with pytest.raises(AudioError, match=what) as error:
        audio.load(f"{server.address}/{clip.path}")
    assert str(error.value).startswith(f"{server.address}/{clip.path}: ")


def test_a_shard_that_ends_early_at_an_address(packed, server):
    folder, _ = packed
    (name, begin) = re.match(r"(.*)#(\d+)", read_list(folder / "l_train.txt")[0].path).groups()
    (folder / name).write_bytes((folder / name).read_bytes()[: int(begin) + 1000])
    with pytest.raises(AudioError, match="truncated: the shard ends"):
        audio.load(f"{server.address}/{read_list(folder / 'l_train.txt')[0].path}")


def test_the_cache_is_bounded_and_keeps_what_was_read_last(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_SHARE", 0.0)
    cache = remote.Cache(tmp_path / "c", 1000)
    for n in range(30):
        cache.put(str(n), bytes([n]) * 100)
        assert sum(path.stat().st_size for path in (tmp_path / "c").glob("*/*")) <= 1000
        if n:
            assert cache.get("0") is None or cache.get("0") == bytes(100)
    assert cache.get("29") == bytes([29]) * 100 and cache.get("1") is None
    other = remote.Cache(tmp_path / "c", 300)  # another process, with a smaller limit
    other.put("x", bytes(50))
    assert sum(path.stat().st_size for path in (tmp_path / "c").glob("*/*")) <= 300
    assert not [path for path in (tmp_path / "c").glob("*/*") if path.name.startswith(".")]
    (tmp_path / "file").write_text("")
    broken = remote.Cache(tmp_path / "file", 100)
    broken.put("x", b"1")  # cannot be written: it is not kept
    assert broken.get("x") is None


def test_no_cache(packed, server, tmp_path):
    audio.cache_shards(tmp_path / "none", 0)
    clip = read_list(packed[0] / "l_train.txt")[0]
    for _ in range(2):
        audio.load(f"{server.address}/{clip.path}")
    assert len(server.asked) == 2 and not (tmp_path / "none").exists()


def test_tars_of_others_are_listed_as_they_are(tmp_path, rng, capsys):
    def add(tar, name, content):
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))

    flac = io.BytesIO()
    soundfile.write(flac, rng.normal(0, 0.1, 32_000), 16_000, format="FLAC")
    for name in ("train/shard-0.tar", "dev-000.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with tarfile.open(tmp_path / name, "w") as tar:
            add(tar, "a/1.flac", flac.getvalue())
            add(tar, "a/1.txt", "你好".encode())
            add(tar, "a/1.cls", b"3")
            add(tar, "2.json", json.dumps({"text": "再见", "speaker": "s"}).encode())
            add(tar, "2.flac", flac.getvalue())
            add(tar, "3.flac", flac.getvalue())
    place = ["--root", str(tmp_path), "--data_root", str(tmp_path), "--config_path", str(tmp_path / "lists")]
    assert main(["webdataset", *place]) == 0
    assert "6 found, 4 kept, 2 left out (no transcript 2)" in capsys.readouterr().out
    for split in ("train", "dev"):
        clips = read_list(tmp_path / f"lists/webdataset_{split}.txt")
        assert [clip.text for clip in clips] == ["你好", "再见"]
        assert all(len(audio.load(tmp_path / clip.path)) == 32_000 for clip in clips)
    (tmp_path / "dev-000.tar").write_bytes(b"no tar" * 200)
    assert main(["webdataset", *place]) == 2
    assert "dev-000.tar: not a tar without compression" in capsys.readouterr().err


def test_a_tar_of_others_is_read_by_its_offsets(tmp_path, rng):
    """GNU tar and WebDataset write other headers before the same ustar block."""
    soundfile.write(tmp_path / "a.flac", rng.normal(0, 0.1, 16_000), 16_000)
    name = "long/" * 30 + "a.flac"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "x.tar", "w", format=form) as tar:
            tar.add(tmp_path / "a.flac", name)
        with tarfile.open(tmp_path / "x.tar") as tar:
            (member,) = tar.getmembers()
        assert len(audio.load(f"{tmp_path}/x.tar#{member.offset_data}+{member.size}")) == 16_000
