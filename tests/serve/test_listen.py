"""`/v1/listen`: texts while audio comes in, limits and bad input; once with a real server that is told to end."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("websockets")
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from ramospeech import audio
from ramospeech.pipeline import Transcriber
from ramospeech.serve import Limits, create_app, live, messages

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "demo" / "audio" / "test" / "0001.ogg"
START = {"type": "start", "sample_rate": 16_000}


@pytest.fixture(scope="module")
def fast() -> Transcriber:
    return Transcriber.from_pretrained("fast")


@pytest.fixture(scope="module")
def client(fast: Transcriber) -> Iterator[TestClient]:
    with TestClient(create_app(fast, Limits(minutes=0.25, streams=2))) as client:
        yield client


def pcm(waveform: np.ndarray) -> bytes:
    return (waveform * 32_767).astype("<i2").tobytes()


def clip(pause: float = 1.5) -> np.ndarray:
    return np.concatenate([audio.load(CLIP), np.zeros(round(16_000 * pause), np.float32)])


def received(socket: Any) -> tuple[list[dict], int]:
    """All messages up to the close, and its code."""
    found = []
    while True:
        try:
            found.append(socket.receive_json())
        except WebSocketDisconnect as closed:
            return found, closed.code


def listen(client: TestClient, sent: list[bytes | dict], start: dict = START) -> tuple[list[dict], int]:
    """What the service says to a client that sends these messages."""
    with client.websocket_connect("/v1/listen") as socket:
        socket.send_json(start)
        for message in sent:
            socket.send_bytes(message) if isinstance(message, bytes) else socket.send_json(message)
        return received(socket)


def finals(found: list[dict]) -> list[str]:
    return [each["text"] for each in found if each["type"] == "final"]


@pytest.mark.parametrize("size", [1, 1999, 6400, 1 << 20], ids=str)
def test_messages_of_any_length_give_the_text_of_a_transcription(client: TestClient, fast: Transcriber, size: int):
    data = pcm(clip())
    whole = [data[first : first + size] for first in range(0, len(data), size)] if size > 1 else [data[:1], data[1:]]
    found, code = listen(client, [*whole, {"type": "stop"}])
    assert code == 1000 and found[0] == {"type": "ready"} and found[-1] == {"type": "end"}
    assert "".join(finals(found)) == fast.transcribe((clip(), 16_000)).text
    [final] = [each for each in found if each["type"] == "final"]
    assert final["stable"] == len(final["text"]) == len(final["syllables"])
    assert final["utterance"] == 0 and 0 <= final["start"] < final["syllables"][0]["start"] < final["end"] < 10


def test_partial_texts_keep_what_is_stable(client: TestClient) -> None:
    data = pcm(np.concatenate([clip(), clip()]))
    found, _ = listen(client, [*(data[first : first + 6400] for first in range(0, len(data), 6400)), {"type": "stop"}])
    texts = [each for each in found if each["type"] in ("partial", "final")]
    assert len(finals(found)) == 2 and len(texts) > 2
    for before, after in pairwise(texts):
        if before["utterance"] == after["utterance"]:
            assert after["text"].startswith(before["text"][: before["stable"]])


def test_another_rate(client: TestClient, fast: Transcriber) -> None:
    waveform = np.repeat(clip(), 3)  # 48 kHz
    found, code = listen(client, [pcm(waveform), {"type": "stop"}], {**START, "sample_rate": 48_000})
    assert code == 1000 and len("".join(finals(found))) >= len(fast.transcribe(CLIP).text) // 2


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"type": "begin"}, "first message"),
        ({**START, "sample_rate": "fast"}, "sample_rate"),
        ({**START, "sample_rate": 100}, "8000"),
        ({**START, "sample_rate": 10**300}, "8000"),
        ({**START, "sample_rate": True}, "sample_rate"),
        ({**START, "hotwords": "北京"}, "list"),
        ({**START, "hotwords": ["hello"]}, "hotwords"),
        ({**START, "hotwords": ["北京"] * 1001}, "at most 1000"),
        ({**START, "hotwords": ["北" * 20_001]}, "characters"),
        ({**START, "hotwords": [3]}, "list"),
    ],
)
def test_bad_starts(client: TestClient, start: dict, words: str) -> None:
    found, code = listen(client, [], start)
    assert code == 1003 and found[-1]["type"] == "error" and words in found[-1]["message"]


@pytest.mark.parametrize("text", ["", "hello", "[1]", "{", '"' * 3, "[" * 100_000, "9" * 5000])
def test_text_that_is_not_json(client: TestClient, text: str) -> None:
    with client.websocket_connect("/v1/listen") as socket:
        socket.send_text(text)
        found, code = received(socket)
    assert code == 1003 and [each["type"] for each in found] == ["error"]


def test_audio_before_the_start(client: TestClient) -> None:
    with client.websocket_connect("/v1/listen") as socket:
        socket.send_bytes(bytes(100))
        found, code = received(socket)
    assert code == 1003 and "first message" in found[0]["message"]


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        ({"type": "start"}, 1003, "not known"),
        ({"text": "hello"}, 1003, "not known"),
        (bytes(messages.MESSAGE_BYTES + 2), 1009, "bytes"),
    ],
    ids=["a second start", "unknown", "too large"],
)
def test_bad_messages_end_the_stream_with_the_text_so_far(client: TestClient, bad: Any, code: int, words: str) -> None:
    found, closed = listen(client, [pcm(clip(0.0)), bad])
    assert closed == code and found[-1]["type"] == "error" and words in found[-1]["message"]
    assert len(finals(found)) == 1


def test_half_a_sample_at_the_end(client: TestClient) -> None:
    found, code = listen(client, [pcm(clip(0.0)) + b"x", {"type": "stop"}])
    assert code == 1003 and "within a sample" in found[-1]["message"] and len(finals(found)) == 1


def test_nothing_at_all(client: TestClient) -> None:
    assert listen(client, [{"type": "stop"}]) == ([{"type": "ready"}, {"type": "end"}], 1000)


def test_silence_has_no_text(client: TestClient) -> None:
    found, code = listen(client, [bytes(320_000), {"type": "stop"}])
    assert code == 1000 and [each["type"] for each in found] == ["ready", "end"]


def test_a_stream_that_is_too_long(client: TestClient) -> None:
    found, code = listen(client, [bytes(32_000)] * 17)
    assert code == 1008 and "minutes of audio" in found[-1]["message"]


def test_nothing_for_long(fast: Transcriber) -> None:
    with TestClient(create_app(fast, Limits(idle=0.05))) as client:
        found, code = listen(client, [])
    assert code == 1008 and "no audio" in found[-1]["message"]


def test_no_start(fast: Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "START_SECONDS", 0.05)
    with TestClient(create_app(fast)) as client, client.websocket_connect("/v1/listen") as socket:
        found, code = received(socket)
    assert code == 1008 and "start" in found[0]["message"]


def test_too_many_streams_and_a_place_that_becomes_free(client: TestClient) -> None:
    with client.websocket_connect("/v1/listen") as first, client.websocket_connect("/v1/listen") as second:
        for socket in (first, second):
            socket.send_json(START)
            assert socket.receive_json() == {"type": "ready"}
        found, code = listen(client, [{"type": "stop"}])
        assert code == 1013 and "streams are open" in found[0]["message"]
        first.send_json({"type": "stop"})
        assert received(first) == ([{"type": "end"}], 1000)
        assert listen(client, [{"type": "stop"}])[1] == 1000
    assert listen(client, [{"type": "stop"}])[1] == 1000  # `second` left without a word


def test_streams_are_not_mixed(client: TestClient, fast: Transcriber) -> None:
    other = ROOT / "demo" / "audio" / "test" / "0002.ogg"
    texts: dict[Path, str] = {}

    def one(path: Path) -> None:
        data = pcm(audio.load(path))
        parts = [data[first : first + 6400] for first in range(0, len(data), 6400)]
        texts[path] = "".join(finals(listen(client, [*parts, {"type": "stop"}])[0]))

    threads = [threading.Thread(target=one, args=(path,)) for path in (CLIP, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert texts[CLIP] != texts[other]
    for path, text in texts.items():
        found, _ = listen(client, [pcm(audio.load(path)), {"type": "stop"}])
        assert text == "".join(finals(found))


class Deaf:
    """A client that sends a clip and reads no more than the first answer."""

    headers: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        data = pcm(clip())
        parts = (data[first : first + 6400] for first in range(0, len(data), 6400))
        self.messages = iter([{"text": json.dumps(START)}, *({"bytes": part} for part in parts)])
        self.sent: list[str] = []

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict:
        if message := next(self.messages, None):
            return {"type": "websocket.receive", **message}
        return await asyncio.Future()

    async def send_text(self, text: str) -> None:
        self.sent.append(text)
        if len(self.sent) > 1:
            await asyncio.Future()


def test_a_client_that_does_not_read_is_given_up(fast: Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "SEND_SECONDS", 0.05)

    async def run() -> None:
        streams, deaf = live.Streams(fast, 1, 60.0, 60.0, None), Deaf()
        await streams.listen(deaf)  # type: ignore[arg-type]
        assert len(streams) == 0 and len(deaf.sent) == 2
        await streams.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_client_that_sends_too_fast_has_to_wait() -> None:
    async def run() -> None:
        backlog, part = live.Backlog(), bytes(live.BACKLOG_BYTES // 2)
        for _ in range(2):
            await backlog.put(part)
        third = asyncio.create_task(backlog.put(b"xx"))
        await asyncio.sleep(0)
        assert not third.done()
        assert len(await backlog.take(1) or b"") == live.BACKLOG_BYTES
        await third
        assert await backlog.take(1) == b"xx"
        waiting = asyncio.create_task(backlog.take(1))
        await backlog.end(messages.ProblemError(messages.REFUSED, "first"))
        await backlog.end()
        await backlog.put(part)
        assert await waiting is None and await backlog.take(1) is None and str(backlog.problem) == "first"

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_key_is_asked_for(fast: Transcriber) -> None:
    with TestClient(create_app(fast, api_key="secret")) as client:
        for start in (START, {**START, "api_key": "wrong"}, {**START, "api_key": 3}):
            found, code = listen(client, [], start)
            assert code == 1008 and "API key" in found[0]["message"]
        assert listen(client, [{"type": "stop"}], {**START, "api_key": "secret"})[1] == 1000
        client.headers["Authorization"] = "Bearer secret"
        assert listen(client, [{"type": "stop"}])[1] == 1000


def test_pages_of_other_sites_are_refused(client: TestClient) -> None:
    for origin in ("http://evil.example", "null", "http://testserver:81"):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/v1/listen", headers={"Origin": origin}),
        ):
            pass
    with client.websocket_connect("/v1/listen", headers={"Origin": "http://testserver"}) as socket:
        socket.send_json(START)
        assert socket.receive_json() == {"type": "ready"}


def test_metrics_count_streams(client: TestClient) -> None:
    with client.websocket_connect("/v1/listen") as socket:
        socket.send_json(START)
        assert socket.receive_json() == {"type": "ready"}
        assert "ramospeech_streams 1.0" in client.get("/metrics").text


def test_a_server_that_is_told_to_end_gives_the_last_text(fast: Transcriber) -> None:
    from websockets.sync.client import connect

    command = [sys.executable, "-m", "ramospeech.serve", "--model", "fast", "--port", str(free_port())]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if running := re.search(r"running on http(://\S+)", line):
                break
        with connect(f"ws{running[1]}/v1/listen") as socket:
            socket.send(json.dumps(START))
            assert json.loads(socket.recv()) == {"type": "ready"}
            socket.send(pcm(clip(0.0)))
            first = json.loads(socket.recv())
            assert first["type"] == "partial"
            server.send_signal(signal.SIGTERM)
            found = [first, *map(json.loads, socket)]
        assert found[-1] == {"type": "end"} and socket.close_code == 1001
        assert "".join(finals(found)) == fast.transcribe((clip(0.0), 16_000)).text
        assert server.wait(30) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
