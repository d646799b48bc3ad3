"""The routes of the service."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated

from ramospeech import __version__, audio
from ramospeech.errors import AudioError, UsageError, extra
from ramospeech.output import cues
from ramospeech.pipeline import Transcriber
from ramospeech.serve.answers import FORMATS, GRANULARITIES, document, failure, of_deepspeech, text_of, verbose
from ramospeech.serve.described import OF_DEEPSPEECH, TRANSCRIPTION
from ramospeech.serve.jobs import TOGETHER, BusyError, Job, Jobs
from ramospeech.speakers import speaker_names
from ramospeech.text.hotwords import collect_hotwords
from ramospeech.transcript import Transcript
from ramospeech.translate import Phrases

with extra("serve"):
    from fastapi import FastAPI, File, Form, Request, UploadFile, WebSocket
    from fastapi.concurrency import run_in_threadpool
    from fastapi.exceptions import RequestValidationError, StarletteHTTPException
    from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

    from ramospeech.serve.body import Guard
    from ramospeech.serve.live import Streams
    from ramospeech.serve.web import add_page

LANGUAGES = ("", "zh", "zh-cn", "chinese", "cmn")
GONE = 499  # as nginx counts clients that leave


@dataclass(frozen=True)
class Limits:
    """Of each request: megabytes, minutes of audio, seconds until its answer. waiting: requests in the queue.
    streams: live ones at once. idle: seconds without audio after which one ends."""

    megabytes: float = 100.0
    minutes: float = 60.0
    timeout: float = 600.0
    waiting: int = 32
    streams: int = 4
    idle: float = 60.0


class RefusedError(Exception):
    """A request that gets an error as its answer."""

    def __init__(self, status: int, message: str, parameter: str | None = None, retry: int | None = None):
        super().__init__(message)
        self.status, self.parameter = status, parameter
        self.headers = {} if retry is None else {"Retry-After": str(retry)}


class Service:
    """What the routes share: the queue, the limits and the counters."""

    def __init__(self, transcriber: Transcriber, limits: Limits, api_key: str | None):
        self.limits, self.jobs = limits, Jobs(transcriber, limits.waiting)
        self.streams = Streams(transcriber, limits.streams, limits.minutes, limits.idle, api_key)
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ramospeech_requests", "Transcriptions by status of the answer", ["status"], registry=self.registry
        )
        self.audio = Counter("ramospeech_audio_seconds", "Audio transcribed", registry=self.registry)
        self.latency = Histogram("ramospeech_latency_seconds", "Time to the answer", registry=self.registry)
        waiting = Gauge("ramospeech_waiting", "Recordings in the queue", registry=self.registry)
        waiting.set_function(lambda: len(self.jobs))
        streams = Gauge("ramospeech_streams", "Live streams that are open", registry=self.registry)
        streams.set_function(lambda: len(self.streams))
        heard = Gauge("ramospeech_streams_audio_seconds", "Audio of all live streams", registry=self.registry)
        heard.set_function(lambda: self.streams.seconds)

    async def transcribe(self, request: Request, file: UploadFile, prompt: str = "", speakers: str = "") -> Transcript:
        """Transcribe an uploaded file. Raises RefusedError."""
        hotwords, names = phrases_of(prompt), names_of(speakers)
        try:
            seconds = await run_in_threadpool(audio.duration, file.file, lambda note: None)
        except AudioError as error:
            raise RefusedError(400, plain(error), "file") from error
        if seconds > 60 * self.limits.minutes:
            raise RefusedError(
                413, f"{seconds / 60:.1f} minutes of audio; this server takes {self.limits.minutes:g}", "file"
            )
        # A file of the job's own: that of the upload is closed when its client leaves, maybe while it is being read.
        recording = os.fdopen(os.dup(file.file.fileno()), "rb")
        recording.seek(0)
        job = Job(recording, seconds, hotwords, names)
        job.result.add_done_callback(lambda _: recording.close())
        try:
            self.jobs.submit(job)
        except BusyError:
            job.abandon()
            raise RefusedError(429, "all places are taken; try again later", retry=5) from None
        transcript = await self._outcome(job, request)
        if transcript.error:
            raise RefusedError(400, plain(transcript.error), "file")
        self.audio.inc(transcript.seconds)
        return transcript

    async def _outcome(self, job: Job, request: Request) -> Transcript:
        """Wait for a job, and give it up where the client leaves or the time is over."""
        result = asyncio.wrap_future(job.result)
        end = time.monotonic() + self.limits.timeout
        try:
            while not (await asyncio.wait([result], timeout=0.5))[0]:
                if await request.is_disconnected():
                    raise RefusedError(GONE, "the client has gone")
                if time.monotonic() > end:
                    raise RefusedError(504, f"no answer within {self.limits.timeout:g} s; send shorter recordings")
            return result.result()
        finally:
            job.abandon()

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Count a request by its outcome and time it."""
        start, status = time.monotonic(), 500
        try:
            yield
            status = 200
        except RefusedError as refusal:
            status = refusal.status
            raise
        finally:
            self.requests.labels(str(status)).inc()
            self.latency.observe(time.monotonic() - start)


def create_app(transcriber: Transcriber, limits: Limits | None = None, api_key: str | None = None) -> FastAPI:
    """Return the ASGI application of a Transcriber.

    limits: see Limits. api_key: clients send it as `Authorization: Bearer KEY`; None lets everybody in.
    """
    service = Service(transcriber, limits or Limits(), api_key)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await service.streams.close()
        await run_in_threadpool(service.jobs.close)

    # FastAPI's own pages on the API load their scripts from elsewhere; its description is at /openapi.json.
    app = FastAPI(title="ramospeech", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.streams = service.streams
    app.add_middleware(
        Guard,
        max_bytes=int(1e6 * service.limits.megabytes),
        seconds=service.limits.timeout,
        places=TOGETHER + 2 * service.limits.waiting,  # some come in while others wait
        api_key=api_key,
    )

    @app.exception_handler(RefusedError)
    async def refuse(_: Request, refusal: RefusedError) -> JSONResponse:
        kind = "server_error" if refusal.status >= 500 else "invalid_request_error"
        return JSONResponse(failure(str(refusal), kind, refusal.parameter), refusal.status, refusal.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return JSONResponse(failure(f"{name}: {first['msg']}", parameter=name), 422)

    @app.exception_handler(StarletteHTTPException)
    async def wrong(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse(failure(str(error.detail)), error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse(failure("an error within the server; its log says more", "server_error"), 500)

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(service.registry), media_type="text/plain; version=0.0.4")

    @app.post("/v1/audio/transcriptions", responses=TRANSCRIPTION)
    async def transcriptions(
        request: Request,
        file: Annotated[UploadFile, File()],
        model: Annotated[str, Form()] = "",
        language: Annotated[str, Form()] = "",
        prompt: Annotated[str, Form()] = "",
        speakers: Annotated[str, Form()] = "",
        response_format: Annotated[str, Form()] = "json",
        temperature: Annotated[float, Form()] = 0.0,
        granularities: Annotated[list[str] | None, Form(alias="timestamp_granularities[]")] = None,
        stream: Annotated[bool, Form()] = False,
    ) -> Response:
        """As OpenAI's. model and temperature have no effect; prompt: hotwords, separated by spaces or commas;
        speakers: their names, or how many, of this server only."""
        with service.measured():
            if language.lower() not in LANGUAGES:
                raise RefusedError(400, f"language {language!r}: this server knows zh only", "language")
            if response_format not in FORMATS:
                raise RefusedError(
                    400, f"response_format {response_format!r}: one of {', '.join(FORMATS)}", "response_format"
                )
            wanted = granularities or ["segment"]
            if unknown := [name for name in wanted if name not in GRANULARITIES]:
                raise RefusedError(400, f"{unknown[0]!r}: one of {', '.join(GRANULARITIES)}", "timestamp_granularities")
            transcript = await service.transcribe(request, file, prompt, speakers)
        if stream:
            return StreamingResponse(events(transcript), media_type="text/event-stream")
        if response_format == "json":
            return JSONResponse({"text": text_of(transcript)})
        # Of a long recording this takes a while, as does the dictionary of words when it is read the first time.
        if response_format == "verbose_json":
            return JSONResponse(await run_in_threadpool(verbose, transcript, wanted))
        kind = "text/vtt" if response_format == "vtt" else "text/plain"
        return PlainTextResponse(await run_in_threadpool(document, transcript, response_format), media_type=kind)

    @app.websocket("/v1/listen")
    async def listen(socket: WebSocket) -> None:
        await service.streams.listen(socket)

    @app.post("/transcribe", responses=OF_DEEPSPEECH)
    async def transcribe(request: Request, file: Annotated[UploadFile, File()]) -> JSONResponse:
        """As the server of deepspeech.pytorch."""
        with service.measured():
            return JSONResponse(of_deepspeech(await service.transcribe(request, file)))

    add_page(app)
    return app


def phrases_of(prompt: str) -> Phrases | None:
    """Return the hotwords of a prompt. Raises RefusedError: one that is neither hanzi nor pinyin."""
    words = prompt.replace("，", " ").replace("、", " ").replace(",", " ").split()
    try:
        return Phrases(collect_hotwords(None, words)) if words else None
    except UsageError as error:
        raise RefusedError(400, str(error).replace("--hotword", "prompt:"), "prompt") from error


def names_of(speakers: str) -> list[str]:
    """Return the names of those who speak, given as on the command line. Raises RefusedError."""
    try:
        return speaker_names(speakers) if speakers.strip() else []
    except UsageError as error:
        raise RefusedError(400, str(error).replace("--speakers", "speakers"), "speakers") from error


def plain(error: object) -> str:
    """Return an error on an upload without what the server calls the file."""
    return str(error).partition(": ")[2] or str(error)


def events(transcript: Transcript) -> Iterator[str]:
    """Yield OpenAI's events of a stream: a delta for each subtitle, once all is transcribed, and the whole text."""
    for _, _, text in cues(transcript):
        yield f"data: {json.dumps({'type': 'transcript.text.delta', 'delta': text}, ensure_ascii=False)}\n\n"
    whole = {"type": "transcript.text.done", "text": text_of(transcript)}
    yield f"data: {json.dumps(whole, ensure_ascii=False)}\n\n"
