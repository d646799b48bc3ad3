"""Limits of requests before anything of them is read: the key, size, time and how many at once."""

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse

from ramospeech.serve.answers import failure

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
OPEN_PATHS = ("/healthz", "/")  # need no key, nor do the files of the page, which asks for one
PAGE_FILES = "/page/"


class RefusedBodyError(Exception):
    """A body that is longer than it may be, or takes longer."""


class Guard:
    """ASGI middleware that refuses requests without the key (401), bodies of more than `max_bytes` (413) or that take
    more than `seconds` to come in (408), and uploads (429) while `places` others wait for their answers.

    A body is counted as it comes in, whatever its header announces. api_key: None for none.
    """

    def __init__(self, app: Any, max_bytes: int, seconds: float, places: int, api_key: str | None):
        self.app, self.max_bytes, self.seconds, self.places = app, max_bytes, seconds, places
        self.api_key = api_key

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await refusal(scope, receive, send)
        elif scope["method"] == "POST":
            await self._upload(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: MutableMapping[str, Any]) -> JSONResponse | None:
        """Return what a request is refused with by its header alone."""
        headers, path = dict(scope["headers"]), scope["path"]
        if self.api_key is not None and path not in OPEN_PATHS and not path.startswith(PAGE_FILES):
            given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(given, self.api_key.encode()):
                refusal = failure("wrong or missing API key; send it as Authorization: Bearer KEY", "invalid_api_key")
                return JSONResponse(refusal, 401, {"WWW-Authenticate": "Bearer"})
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.max_bytes:
            return self._too_large()
        if scope["method"] == "POST" and self.places <= 0:
            return JSONResponse(failure("too many requests at once; try again later"), 429, {"Retry-After": "5"})
        return None

    def _too_large(self) -> JSONResponse:
        return JSONResponse(
            failure(f"the request is larger than {self.max_bytes} bytes, the limit of this server"), 413
        )

    async def _upload(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        seen, whole, answered = 0, False, False
        refusal: JSONResponse | None = None
        end = time.monotonic() + self.seconds

        async def counted() -> Message:
            nonlocal seen, whole, refusal
            try:
                async with asyncio.timeout(None if whole else end - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                refusal = JSONResponse(failure(f"the upload took more than {self.seconds:g} s"), 408)
                raise RefusedBodyError from None
            seen += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if seen > self.max_bytes:
                refusal = self._too_large()
                raise RefusedBodyError
            return message

        def leave() -> None:
            nonlocal answered
            self.places += not answered
            answered = True

        async def watched(message: Message) -> None:
            if answered or not refusal:  # else what the application makes of a body cut short
                leave()
                await send(message)

        self.places -= 1
        try:
            with contextlib.suppress(RefusedBodyError):
                await self.app(scope, counted, watched)
            if refusal and not answered:
                await refusal(scope, receive, send)
        finally:
            leave()
