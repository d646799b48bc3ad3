"""Clients that send what they should not, leave, or take their time: a clear status, and the service stays up."""

import asyncio
import contextlib
import io
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi")
import httpx2
from running import Running

from ramospeech import audio
from ramospeech.pipeline import Transcriber
from ramospeech.serve import Limits, create_app
from ramospeech.transcript import Token, Transcript
from ramospeech.translate import Translation

ROOT = Path(__file__).resolve().parents[2]
PATH = "v1/audio/transcriptions"


class Length:
    """Recognises in each recording its milliseconds.

    stepwise: each batch waits for a turn. begun: set when a batch is asked for.
    """

    def __init__(self) -> None:
        self.stepwise, self.turns, self.begun = False, threading.Semaphore(0), threading.Event()
        self.tokens = 1

    def free(self) -> None:
        """Let this batch and all that follow run."""
        self.stepwise = False
        self.turns.release()

    def transcribe_batch(self, sources: Iterable[audio.Source], **_: object) -> Iterator[Transcript]:
        sources = list(sources)
        self.begun.set()
        if self.stepwise:
            self.turns.acquire(timeout=60)
        for source in sources:
            samples = len(audio.load(source))
            text = str(samples // 16)
            tokens = (Token("hao3", text, 0.0, 0.1, 0.9),) * self.tokens
            yield Transcript("x", text, ("hao3",), tokens, samples / 16_000, nbest=(Translation(text, -1.0),))


def wav(milliseconds: int) -> bytes:
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(1).standard_normal(16 * milliseconds)
    soundfile.write(file, noise, 16_000, format="WAV")
    return file.getvalue()


@pytest.fixture
def length() -> Iterator[Length]:
    transcriber = Length()
    yield transcriber
    transcriber.free()


@contextlib.contextmanager
def serving(transcriber: object, **limits: float) -> Iterator[Running]:
    with Running(create_app(transcriber, Limits(**limits))) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """One for all that need no other limits."""
    with serving(Length(), megabytes=1.0, minutes=0.5) as running:
        yield running


def works(running: Running) -> bool:
    answer = httpx2.post(running.url + PATH, files={"file": ("a.wav", wav(250))}, timeout=60)
    return answer.json() == {"text": "250"}


def request(body: bytes, kind: str = "multipart/form-data; boundary=x", length: int | None = None) -> bytes:
    """The bytes of a POST."""
    size = len(body) if length is None else length
    head = f"POST /{PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


def form(content: bytes, name: str = "a.wav", **fields: str) -> bytes:
    """A multipart body with a file."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return "".join([*parts, head]).encode() + content + b"\r\n--x--\r\n"


def reply(connection: socket.socket) -> tuple[int, bytes]:
    """The status and body of the answer on a connection."""
    with connection.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers = dict(line.rstrip().lower().split(b": ", 1) for line in iter(file.readline, b"\r\n"))
        return status, file.read(int(headers[b"content-length"]))


def until(condition, seconds: float = 60) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def counted(running: Running, status: int) -> bool:
    return f'ramospeech_requests_total{{status="{status}"}} 1.0' in httpx2.get(running.url + "metrics", timeout=60).text


def test_5_gb_that_are_announced_are_not_waited_for(service: Running) -> None:
    with socket.create_connection(service.address, timeout=60) as client:
        client.sendall(request(b"--x\r\n", length=5_000_000_000))
        status, body = reply(client)
    assert status == 413 and "1000000 bytes" in json.loads(body)["error"]["message"]
    assert works(service)


@pytest.mark.filterwarnings("ignore:.*header was not finished")
def test_a_wav_that_announces_a_gb_is_what_is_there(service: Running) -> None:
    content = wav(500)
    data = content.index(b"data") + 4
    broken = content[:data] + (2**30).to_bytes(4, "little") + content[data + 4 :]
    answer = httpx2.post(service.url + PATH, files={"file": ("a.wav", broken)}, timeout=60)
    assert answer.status_code == 200 and answer.json() == {"text": "500"}


@pytest.fixture(scope="module")
def silence() -> bytes:
    """Two hours of silence in some ten kilobytes per minute at most."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 1_000, 1, format="FLAC") as sound:
        for _ in range(120):
            sound.write(np.zeros(60 * 1_000, np.int16))
    return file.getvalue()


@pytest.mark.parametrize("announced", [None, 1_000])
def test_hours_of_silence(service: Running, silence: bytes, announced: int | None) -> None:
    """Whatever its header says of the length, which lies in the last 36 bits before the checksum."""
    assert len(silence) < 1_000_000
    if announced is not None:
        silence = silence[:22] + announced.to_bytes(4, "big") + silence[26:]
    answer = httpx2.post(service.url + PATH, files={"file": ("a.flac", silence)}, timeout=60)
    assert answer.status_code in (400, 413), answer.text
    assert answer.json()["error"]["param"] == "file" and works(service)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(wav(300)), "multipart/form-data"),
        (form(wav(300)), "multipart/form-data; boundary=y"),
        (form(wav(300)), "multipart/form-data; boundary=" + 500 * "x"),
        (form(wav(300)), "application/json"),
        (form(wav(300)), "application/x-www-form-urlencoded"),
        (form(wav(300))[:200], "multipart/form-data; boundary=x"),
        (form(wav(300)).replace(b"; filename=", b"; other="), "multipart/form-data; boundary=x"),
        (form(wav(300)).replace(b'name="file"', b'name="sound"'), "multipart/form-data; boundary=x"),
        (form(b"", **{f"field{n}": "x" for n in range(2_000)}), "multipart/form-data; boundary=x"),
        (b"--x\r\n" + b"A" * 50_000, "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=x"),
        (b'{"file": "a.wav"}', "application/json"),
        (b"\x00\xff" * 500, ""),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else str(len(value)),
)
def test_wrong_forms(service: Running, body: bytes, kind: str) -> None:
    with socket.create_connection(service.address, timeout=60) as client:
        client.sendall(request(body, kind))
        status, content = reply(client)
    assert status in (400, 422) and json.loads(content)["error"]["message"]
    assert works(service)


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/shadow",
        "file:///etc/passwd",
        "http://localhost/a.wav",
        "a.wav; rm -rf ~ |",
        "%00%2e%2e%2f",
        "a" * 500 + ".wav",
        "<script>alert(1)</script>.wav",
        "CON.wav",
        "录音.wav",
    ],
)
def test_the_name_of_a_file_has_no_effect(service: Running, tmp_path: Path, name: str) -> None:
    for content, expected in ((wav(300), 200), (b"nothing", 400)):
        with socket.create_connection(service.address, timeout=60) as client:
            client.sendall(request(form(content, name)))
            status, body = reply(client)
        assert status == expected
        assert name not in body.decode()
    assert json.loads(body)["error"]["message"]


def test_200_clients_at_once(length: Length) -> None:
    """Each gets its own answer, or is told to come again."""

    async def ask(client: httpx2.AsyncClient, number: int) -> int:
        answer = await client.post(running.url + PATH, files={"file": ("a.wav", wav(100 + number))})
        if answer.status_code == 200:
            assert answer.json() == {"text": str(100 + number)}
        else:
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status_code

    async def all_at_once() -> list[int]:
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(timeout=120, limits=limits) as client:
            asking = [asyncio.create_task(ask(client, number)) for number in range(200)]
            while sum(task.done() for task in asking) < 100:
                await asyncio.sleep(0.02)
            length.free()
            return await asyncio.gather(*asking)

    length.stepwise = True
    with serving(length, waiting=20) as running:
        statuses = asyncio.run(all_at_once())
        assert set(statuses) == {200, 429} and 20 <= statuses.count(200) <= 100
        assert works(running)


def test_a_client_that_reads_slowly(length: Length) -> None:
    """It gets all of its answer in the end, and holds up nobody."""
    length.tokens = 20_000  # an answer of some megabytes
    with serving(length) as running, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        client.connect(running.address)
        words = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
        client.sendall(request(form(wav(300), **words)))
        until(lambda: counted(running, 200))
        length.tokens = 1
        assert works(running)
        status, body = reply(client)
    assert status == 200 and len(json.loads(body)["syllables"]) == 20_000


def test_a_client_that_sends_slowly(length: Length) -> None:
    with serving(length, timeout=1.0) as running:
        with socket.create_connection(running.address, timeout=60) as client:
            client.sendall(request(form(wav(300)))[:1_000])
            assert works(running)
            status, body = reply(client)
        assert status == 408 and "1 s" in json.loads(body)["error"]["message"]
        assert works(running)


def test_uploads_that_do_not_end_take_no_more_than_their_places(length: Length) -> None:
    """With none waiting allowed but one: ten places, which slow uploads fill and leave."""
    with serving(length, timeout=2.0, waiting=1) as running, contextlib.ExitStack() as stack:
        for _ in range(10):
            client = stack.enter_context(socket.create_connection(running.address, timeout=60))
            client.sendall(request(form(wav(300)))[:1_000])
        files = {"file": ("a.wav", wav(250))}
        until(lambda: httpx2.post(running.url + PATH, files=files, timeout=60).status_code == 429)
        until(lambda: works_or_waits(running))


def works_or_waits(running: Running) -> bool:
    return httpx2.post(running.url + PATH, files={"file": ("a.wav", wav(250))}, timeout=60).status_code == 200


def test_a_client_that_leaves_half_way(service: Running) -> None:
    for part in (10, 150, 400, 2_000):
        with socket.create_connection(service.address) as client:
            client.sendall(request(form(wav(300)))[:part])
    assert works(service)


@pytest.mark.parametrize("milliseconds", [300, 40_000])  # in memory and in a file
def test_a_client_that_leaves_does_not_fail_the_others_of_its_batch(length: Length, milliseconds: int) -> None:
    answers = []
    with serving(length) as running:
        length.stepwise = True
        blocking = threading.Thread(target=lambda: answers.append(works(running)))
        blocking.start()
        assert length.begun.wait(60)
        length.begun.clear()
        with socket.create_connection(running.address) as leaving:
            leaving.sendall(request(form(wav(milliseconds))))
            until(lambda: "ramospeech_waiting 1.0" in httpx2.get(running.url + "metrics", timeout=60).text)
            others = [threading.Thread(target=lambda: answers.append(works(running))) for _ in range(2)]
            for other in others:
                other.start()
            until(lambda: "ramospeech_waiting 3.0" in httpx2.get(running.url + "metrics", timeout=60).text)
            length.turns.release()
            blocking.join(60)
            assert length.begun.wait(60)  # all three, in one batch
        until(lambda: counted(running, 499))
        length.free()
        for other in others:
            other.join(60)
    assert answers == [True, True, True]


def test_it_finishes_what_runs_when_it_is_told_to_end(length: Length) -> None:
    answers = []
    length.stepwise = True
    with serving(length) as running:
        clients = [threading.Thread(target=lambda: answers.append(works(running))) for _ in range(3)]
        clients[0].start()
        assert length.begun.wait(60)
        for client in clients[1:]:
            client.start()
        until(lambda: "ramospeech_waiting 2.0" in httpx2.get(running.url + "metrics", timeout=60).text)
        running.end()
        until(lambda: not accepts(running))
        length.free()
        for client in clients:
            client.join(60)
    assert answers == [True, True, True]


def accepts(running: Running) -> bool:
    try:
        socket.create_connection(running.address, timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_model_that_is_overwritten_while_it_serves(tmp_path: Path) -> None:
    """Files of weights are read once: what happens to them later changes no answer."""
    files = [tmp_path / name for name in ("dfcnn.safetensors", "ngram.safetensors")]
    for file in files:
        shutil.copyfile(ROOT / "pretrained" / file.name, file)
    clip = (ROOT / "demo" / "audio" / "test" / "0001.ogg").read_bytes()
    with serving(Transcriber.from_pretrained(*files)) as running:
        texts = []
        for _ in range(2):
            answer = httpx2.post(running.url + PATH, files={"file": ("a.ogg", clip)}, timeout=60)
            texts.append(answer.json()["text"])
            for file in files:
                with file.open("r+b") as opened:
                    opened.write(bytes(file.stat().st_size))
                    opened.truncate(1_000)
    assert texts[0] and texts[0] == texts[1]
