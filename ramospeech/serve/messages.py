"""Messages of `/v1/listen`: what clients send and are sent, and why a stream ends."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import WebSocket, WebSocketDisconnect

from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.errors import UsageError
from ramospeech.text.hotwords import collect_hotwords
from ramospeech.translate import Phrases

BAD, REFUSED, TOO_LARGE, BUSY, BROKEN, GOING_AWAY = 1003, 1008, 1009, 1013, 1011, 1001  # codes of RFC 6455
MESSAGE_BYTES = 1 << 20  # of a message, at most
SEND_SECONDS = 30.0  # until a client has read what it is sent
HOTWORDS = 1000  # and characters of them: 20 times as many


class ProblemError(Exception):
    """Why a stream ends: the code of the close, and a line for the client."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Start:
    """The first message of a stream."""

    sample_rate: float
    hotwords: Phrases | None

    @classmethod
    def parse(cls, message: dict[str, Any], takes_hotwords: bool) -> "Start":
        """Read it. Raises ProblemError."""
        rate, words = message.get("sample_rate", SAMPLE_RATE), message.get("hotwords", [])
        if not isinstance(rate, int | float) or isinstance(rate, bool):
            raise ProblemError(BAD, f"sample_rate must be a number of Hz, not {json.dumps(rate)[:40]}")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ProblemError(BAD, "hotwords must be a list of words in hanzi or pinyin")
        if len(words) > HOTWORDS or sum(map(len, words)) > 20 * HOTWORDS:
            raise ProblemError(BAD, f"too many hotwords: at most {HOTWORDS}, of {20 * HOTWORDS} characters together")
        if words and not takes_hotwords:
            raise ProblemError(BAD, "the model of this server takes no hotwords")
        try:
            return cls(rate, Phrases(collect_hotwords(None, words)) if words else None)
        except UsageError as error:
            raise ProblemError(BAD, str(error).replace("--hotword", "hotwords:")) from error


async def receive(socket: WebSocket) -> bytes | dict[str, Any]:
    """Return the next message, text as what its JSON holds. Raises WebSocketDisconnect, and ProblemError."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    content: bytes | str = message["text"] if message.get("bytes") is None else message["bytes"]
    if len(content) > MESSAGE_BYTES:
        raise ProblemError(TOO_LARGE, f"a message of {len(content)} bytes; send at most {MESSAGE_BYTES}")
    if isinstance(content, bytes):
        return content
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ProblemError(BAD, "text that is not a JSON object; audio goes in binary messages")
    return parsed


async def send(socket: WebSocket, message: dict[str, Any]) -> None:
    """Send JSON. Raises TimeoutError where the client does not read it."""
    async with asyncio.timeout(SEND_SECONDS):
        await socket.send_text(json.dumps(message, ensure_ascii=False))


def same_origin(socket: WebSocket) -> bool:
    """Return whether no page of another site asks: a browser names the site of the page in `Origin`."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
