"""`/v1/listen`: recognition of audio that comes in over a WebSocket.

A stream has two tasks: one reads messages into a backlog of bounded size, one takes what has come in, recognises it in
the thread that all streams share, and sends the texts. A client that sends faster than it is recognised, or reads
slowly, is held up by its own connection.
"""

import asyncio
import contextlib
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.errors import AudioError, RamospeechError, extra
from ramospeech.live import LiveRecogniser, Pcm16, Update
from ramospeech.pipeline import Transcriber

with extra("serve"):
    from fastapi import WebSocket, WebSocketDisconnect
    from fastapi.concurrency import run_in_threadpool

    from ramospeech.serve.messages import (
        BAD,
        BROKEN,
        BUSY,
        GOING_AWAY,
        REFUSED,
        ProblemError,
        Start,
        receive,
        same_origin,
        send,
    )

BACKLOG_BYTES = 2 << 20  # that wait to be recognised: a minute at 16 kHz
AT_ONCE = SAMPLE_RATE  # samples that a stream has recognised before it is another one's turn
START_SECONDS = 10.0  # until the first message
OPENING = 64  # connections that have not sent their first message


class Backlog:
    """Audio that has come in and is not recognised yet. problem: why no more comes; None where the client stopped."""

    def __init__(self) -> None:
        self.problem: ProblemError | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self._changed = asyncio.Condition()

    async def put(self, data: bytes) -> None:
        """Add audio once there is room; after the end it is dropped."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._size < BACKLOG_BYTES or self._ended)
            if not self._ended:
                self._parts.append(data)
                self._size += len(data)
                self._changed.notify_all()

    async def end(self, problem: ProblemError | None = None) -> None:
        """Let nothing follow. The first end counts."""
        async with self._changed:
            if not self._ended:
                self._ended, self.problem = True, problem
                self._changed.notify_all()

    async def take(self, at_least: int) -> bytes | None:
        """Return all that has come in, once it is so many bytes or no more comes; None where there is nothing left."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._size >= at_least or self._ended)
            data, self._parts, self._size = b"".join(self._parts), [], 0
            self._changed.notify_all()
            return data if data or not self._ended else None


class Streams:
    """All streams of a service.

    most: at once; another one is refused. minutes: of a stream, of its audio and by the clock. idle: seconds without
    audio after which it ends. api_key: None for none.
    """

    def __init__(self, transcriber: Transcriber, most: int, minutes: float, idle: float, api_key: str | None):
        self.transcriber, self.most, self.minutes, self.idle = transcriber, most, minutes, idle
        self.api_key = api_key
        self.seconds = 0.0  # of audio of all streams
        self._open: set[Backlog] = set()
        self._opening = 0
        self._closing = False
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._thread = ThreadPoolExecutor(1, "listening")

    def __len__(self) -> int:
        return len(self._open)

    async def close(self) -> None:
        """Refuse new streams, recognise what has come in, and wait until all streams have their last text."""
        self._closing = True
        for backlog in list(self._open):
            await backlog.end()
        await self._none_open.wait()
        self._thread.shutdown()

    async def listen(self, socket: WebSocket) -> None:
        """Serve one WebSocket to its end."""
        if not same_origin(socket):
            await socket.close()  # before it is accepted: status 403
            return
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect, TimeoutError):
            try:
                await self._serve(socket)
            except ProblemError as problem:
                await send(socket, {"type": "error", "message": str(problem)})
                await socket.close(problem.code)
            except (WebSocketDisconnect, TimeoutError):
                raise
            except Exception:
                await socket.close(BROKEN)
                raise

    async def _serve(self, socket: WebSocket) -> None:
        if self._closing or self._opening >= OPENING:
            raise ProblemError(BUSY, "all places are taken; try again later")
        self._opening += 1
        try:
            start = await self._started(socket)
        finally:
            self._opening -= 1
        if self._closing or len(self._open) >= self.most:
            raise ProblemError(BUSY, f"{self.most} streams are open, the limit of this server; try again later")
        backlog = Backlog()
        self._open.add(backlog)
        self._none_open.clear()
        try:
            await self._stream(socket, start, backlog)
        finally:
            self._open.discard(backlog)
            if not self._open:
                self._none_open.set()

    async def _started(self, socket: WebSocket) -> Start:
        """Wait for the first message. Raises ProblemError."""
        try:
            async with asyncio.timeout(START_SECONDS):
                message = await receive(socket)
        except TimeoutError:
            raise ProblemError(REFUSED, f'no {{"type": "start"}} within {START_SECONDS:g} s') from None
        if not isinstance(message, dict) or message.get("type") != "start":
            raise ProblemError(BAD, 'the first message must be text: {"type": "start", "sample_rate": 16000}')
        if self.api_key is not None:
            header = socket.headers.get("authorization", "").removeprefix("Bearer ")
            given = message.get("api_key", header)
            if not isinstance(given, str) or not hmac.compare_digest(given.encode(), self.api_key.encode()):
                raise ProblemError(REFUSED, 'wrong or missing API key; send it as "api_key" of the first message')
        return await run_in_threadpool(Start.parse, message, self.transcriber.translator is not None)

    async def _stream(self, socket: WebSocket, start: Start, backlog: Backlog) -> None:
        try:
            decode = Pcm16(start.sample_rate)
            live = LiveRecogniser(self.transcriber, hotwords=start.hotwords)
        except RamospeechError as error:
            raise ProblemError(BAD, str(error)) from error
        await send(socket, {"type": "ready"})
        reading = asyncio.create_task(self._read(socket, backlog))
        working = asyncio.create_task(self._work(socket, decode, live, backlog, start.sample_rate))
        try:
            await asyncio.wait((reading, working), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():  # the client has left, which it raises
                await reading
            await working
        finally:
            for task in (reading, working):
                task.cancel()
                task.add_done_callback(lambda task: task.cancelled() or task.exception())  # they are known
            await asyncio.wait((reading, working))

    async def _read(self, socket: WebSocket, backlog: Backlog) -> None:
        """Take messages until the client leaves, also behind the end."""
        until = time.monotonic() + 60 * self.minutes
        while True:
            try:
                async with asyncio.timeout(max(0.0, min(self.idle, until - time.monotonic()))):
                    message = await receive(socket)
            except TimeoutError:
                await backlog.end(self._over(until))
                await asyncio.Event().wait()  # for the other task, which ends the stream
            except ProblemError as problem:
                await backlog.end(problem)
                continue
            if isinstance(message, bytes):
                await backlog.put(message)
            elif message == {"type": "stop"}:
                await backlog.end()
            else:
                wanted = 'audio in binary messages and then {"type": "stop"}'
                await backlog.end(ProblemError(BAD, f"a message that is not known here; send {wanted}"))

    def _over(self, until: float) -> ProblemError:
        if time.monotonic() >= until:
            return ProblemError(REFUSED, f"{self.minutes:g} minutes are over, the limit of this server")
        return ProblemError(REFUSED, f"no audio for {self.idle:g} s")

    async def _work(
        self, socket: WebSocket, decode: Pcm16, live: LiveRecogniser, backlog: Backlog, rate: float
    ) -> None:
        """Recognise what comes in and send its text, up to the end of the stream."""
        step = 2 * round(live.options.step * rate)
        while (data := await backlog.take(step)) is not None:
            samples = decode(data)
            if live.seconds + len(samples) / SAMPLE_RATE > 60 * self.minutes:
                await backlog.end(ProblemError(REFUSED, f"more than {self.minutes:g} minutes of audio"))
                samples = samples[: max(0, round((60 * self.minutes - live.seconds) * SAMPLE_RATE))]
                await self._recognise(socket, live, samples)
                break
            await self._recognise(socket, live, samples)
        problem = backlog.problem
        try:
            await self._recognise(socket, live, decode.finish())
        except AudioError as error:
            problem = problem or ProblemError(BAD, str(error))
        await self._send(socket, await self._in_thread(live.finish))
        if problem:
            raise problem
        await send(socket, {"type": "end"})
        await socket.close(GOING_AWAY if self._closing else 1000)

    async def _recognise(self, socket: WebSocket, live: LiveRecogniser, samples: np.ndarray) -> None:
        self.seconds += len(samples) / SAMPLE_RATE
        for first in range(0, len(samples), AT_ONCE):
            await self._send(socket, await self._in_thread(live.push, samples[first : first + AT_ONCE]))

    async def _in_thread(self, function: Any, *arguments: Any) -> list[Update]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _send(self, socket: WebSocket, updates: list[Update]) -> None:
        for update in updates:
            await send(socket, update.to_dict())
