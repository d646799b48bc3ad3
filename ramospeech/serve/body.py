"""Limits of requests before anything of them is read: size, and the key."""

import contextlib
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse

from ramospeech.serve.answers import failure

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
OPEN_PATHS = ("/healthz", "/")  # need no key, nor do the files of the page, which asks for one
PAGE_FILES = "/page/"


class TooLargeError(Exception):
    """A body that is longer than it may be."""


class Guard:
    """ASGI middleware that refuses requests without the key (401) and bodies of more than `max_bytes` (413).

    A body is counted as it comes in, whatever its header announces. api_key: None for none.
    """

    def __init__(self, app: Any, max_bytes: int, api_key: str | None):
        self.app, self.max_bytes, self.api_key = app, max_bytes, api_key

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"]
        if self.api_key is not None and path not in OPEN_PATHS and not path.startswith(PAGE_FILES):
            given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(given, self.api_key.encode()):
                refusal = failure("wrong or missing API key; send it as Authorization: Bearer KEY", "invalid_api_key")
                await JSONResponse(refusal, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
        too_large = JSONResponse(
            failure(f"the request is larger than {self.max_bytes} bytes, the limit of this server"), 413
        )
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.max_bytes:
            await too_large(scope, receive, send)
            return
        seen, answered = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                raise TooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if seen <= self.max_bytes or answered:  # else what the application makes of a body cut short
                answered = True
                await send(message)

        with contextlib.suppress(TooLargeError):
            await self.app(scope, counted, watched)
        if seen > self.max_bytes and not answered:
            await too_large(scope, receive, send)
