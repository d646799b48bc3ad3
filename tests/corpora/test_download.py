"""Downloads against a server on this machine: cuts, refused ranges, wrong files, no network."""

import hashlib
import socket
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ramospeech.corpora import CORPORA, Clip, download, read_list
from ramospeech.corpora import __main__ as program
from ramospeech.corpora.__main__ import main
from ramospeech.corpora.download import Archive, download_and_unpack, fetch
from ramospeech.errors import RamospeechError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server():
    """A server of files; `cuts[path]`: after how many bytes of each answer it hangs up."""

    class Handler(BaseHTTPRequestHandler):
        files, cuts, ranges, asked = {}, {}, True, []

        def do_GET(self):
            cls = type(self)
            cls.asked.append((self.path, self.headers.get("Range")))
            if self.path not in cls.files:
                return self.send_error(404)
            body, start = cls.files[self.path], 0
            if cls.ranges and (asked := self.headers.get("Range")):
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    return self.send_error(416)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cuts = cls.cuts.get(self.path, [])
            self.wfile.write(body[start:][: cuts.pop(0) if cuts else None])

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.handle_error = lambda *args: None  # clients hang up in these tests
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        Handler.address = f"http://127.0.0.1:{http.server_port}"
        yield Handler
        http.shutdown()


def get(server, tmp_path, *paths, **options):
    urls = [server.address + path for path in paths or ("/a.tgz",)]
    return fetch(urls, tmp_path / "a.tgz", pause=0.01, **options)


def test_a_file_arrives_whole_and_is_not_asked_for_twice(server, tmp_path):
    server.files["/a.tgz"] = CONTENT
    for _ in range(2):
        assert get(server, tmp_path, size=len(CONTENT), md5=MD5).read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


def test_cuts_are_resumed_where_they_fell(server, tmp_path):
    server.files["/a.tgz"], server.cuts["/a.tgz"] = CONTENT, [300_000, 100_000, 50_000, 20_000, 10_000]
    assert get(server, tmp_path, size=len(CONTENT), md5=MD5).read_bytes() == CONTENT
    starts = [asked for _, asked in server.asked]
    assert starts == [None, *(f"bytes={n}-" for n in (300_000, 400_000, 450_000, 470_000, 480_000))]


def test_a_later_run_resumes_from_the_part_file(server, tmp_path):
    server.files["/a.tgz"] = CONTENT
    (tmp_path / "a.tgz.part").write_bytes(CONTENT[:1000])
    assert get(server, tmp_path, md5=MD5).read_bytes() == CONTENT
    assert server.asked == [("/a.tgz", "bytes=1000-")]


def test_a_part_that_is_whole_already_is_taken(server, tmp_path):
    server.files["/a.tgz"] = CONTENT
    (tmp_path / "a.tgz.part").write_bytes(CONTENT)
    assert get(server, tmp_path, md5=MD5).read_bytes() == CONTENT  # size unknown: the server answers 416


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.files["/a.tgz"], server.ranges = CONTENT, False
    (tmp_path / "a.tgz.part").write_bytes(b"x" * 1000)
    assert get(server, tmp_path, size=len(CONTENT), md5=MD5).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_the_next_mirror_tried(server, tmp_path):
    server.files["/bad"], server.files["/good"] = b"y" * len(CONTENT), CONTENT
    assert get(server, tmp_path, "/bad", "/good", size=len(CONTENT), md5=MD5).read_bytes() == CONTENT


def test_a_wrong_checksum_everywhere_leaves_nothing(server, tmp_path):
    server.files["/a.tgz"] = b"y" * len(CONTENT)
    with pytest.raises(RamospeechError, match=f"md5 .* instead of {MD5}"):
        get(server, tmp_path, size=len(CONTENT), md5=MD5)
    assert not list(tmp_path.iterdir())


def test_a_wrong_size_is_refused_before_anything_is_fetched(server, tmp_path):
    server.files["/a.tgz"] = CONTENT[:-1]
    with pytest.raises(RamospeechError, match=f"has {len(CONTENT) - 1} bytes"):
        get(server, tmp_path, size=len(CONTENT))


def test_404_goes_to_the_next_mirror_and_names_all_that_failed(server, tmp_path):
    server.files["/there"] = CONTENT
    assert get(server, tmp_path, "/gone", "/there").exists()
    (tmp_path / "a.tgz").unlink()
    with pytest.raises(RamospeechError, match=r"(?s)cannot download a.tgz.*/gone: HTTP 404.*/too: HTTP 404.*run again"):
        get(server, tmp_path, "/gone", "/too")
    assert [path for path, _ in server.asked].count("/gone") == 2  # a 404 is not tried again


def test_no_network_is_one_clear_error_and_keeps_what_is_there(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        (tmp_path / "a.tgz.part").write_bytes(b"abc")
        with pytest.raises(RamospeechError, match="refused"):
            fetch([f"http://127.0.0.1:{unused.getsockname()[1]}/a.tgz"], tmp_path / "a.tgz", pause=0.01)
    assert (tmp_path / "a.tgz.part").read_bytes() == b"abc"


def test_a_cut_without_progress_gives_up(server, tmp_path):
    server.files["/a.tgz"], server.cuts["/a.tgz"] = CONTENT, [0] * 99
    with pytest.raises(RamospeechError, match="0 of 1048576 bytes arrived"):
        get(server, tmp_path)


def test_a_full_disk_is_reported_before_the_download(server, tmp_path, monkeypatch):
    server.files["/a.tgz"] = CONTENT
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: type("U", (), {"free": 10}))
    with pytest.raises(RamospeechError, match="make room"):
        get(server, tmp_path)


def test_an_archive_of_another_size_put_there_by_hand_is_named(tmp_path):
    (tmp_path / "a.tgz").write_bytes(b"abc")
    with pytest.raises(RamospeechError, match=r"a.tgz: 3 bytes, where the publisher has 5"):
        fetch([], tmp_path / "a.tgz", size=5)


def test_obtain_unpacks_once_and_a_second_run_does_nothing(server, tmp_path, tar_of):
    archive = tar_of({"corpus/a.txt": b"text"}, "c.tgz").read_bytes()
    server.files["/18/c.tgz"] = archive
    wanted = [Archive(18, "c.tgz", len(archive), hashlib.md5(archive).hexdigest())]
    download_and_unpack(wanted, tmp_path / "root", mirrors=[server.address])
    (tmp_path / "root/c.tgz").unlink()  # deleted to save room
    download_and_unpack(wanted, tmp_path / "root", mirrors=[server.address])
    assert (tmp_path / "root/corpus/a.txt").read_bytes() == b"text"
    assert len(server.asked) == 1


def test_the_program_downloads_unpacks_and_writes_lists(server, tmp_path, tar_of, speak, monkeypatch):
    """As `python -m ramospeech.corpora thchs --root data --download`, with a small archive on our server."""
    monkeypatch.chdir(tmp_path)
    members = {}
    for split, name in (("train", "A11_0"), ("dev", "A11_101"), ("test", "D11_750")):
        members[f"data_thchs30/data/{name}.wav"] = speak(tmp_path / "tmp.wav").read_bytes()
        members[f"data_thchs30/data/{name}.wav.trn"] = "绿 是\nlv4 shi4\n".encode()
        for suffix in ("wav", "wav.trn"):
            link = tarfile.TarInfo()
            link.type, link.linkname = tarfile.SYMTYPE, f"../data/{name}.{suffix}"
            members[f"data_thchs30/{split}/{name}.{suffix}"] = link
    content = tar_of(members, "data_thchs30.tgz").read_bytes()
    server.files["/18/data_thchs30.tgz"] = content
    archive = Archive(18, "data_thchs30.tgz", len(content), hashlib.md5(content).hexdigest(), "data_thchs30")
    monkeypatch.setitem(CORPORA, "thchs", replace(CORPORA["thchs"], archives=(archive,)))
    monkeypatch.setattr(program, "download_and_unpack", partial(download_and_unpack, mirrors=[server.address]))
    for _ in range(2):
        assert main(["thchs", "--root", "data", "--download"]) == 0
    assert len(server.asked) == 1
    clips = read_list("data_config/thchs_test.txt")
    assert clips == [Clip("data_thchs30/test/D11_750.wav", ("lv4", "shi4"), "绿是", 2.0)]


def test_published_addresses_are_openslr_over_https():
    assert all(mirror.startswith("https://") and "openslr" in mirror for mirror in download.MIRRORS)
