"""A bounded queue of recordings and the one thread that transcribes them, several at a time."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from ramospeech.audio import Source
from ramospeech.pipeline import Transcriber
from ramospeech.transcript import Transcript
from ramospeech.translate import Phrases

SHORT_SECONDS = 60.0  # recordings up to this length are transcribed together, and before longer ones
TOGETHER = 8  # of them at most


class BusyError(Exception):
    """The queue is full."""


class AbandonedError(Exception):
    """Nobody waits for a recording any more."""


@dataclass
class Job:
    """A recording to transcribe. seconds: its length. speakers: their names. result: gets the Transcript."""

    source: Source
    seconds: float
    hotwords: Phrases | None = None
    speakers: Sequence[str] = ()
    result: Future[Transcript] = field(default_factory=Future)
    abandoned: threading.Event = field(default_factory=threading.Event)

    def abandon(self) -> None:
        """Give the recording up: its client is gone, or has waited long enough."""
        self.abandoned.set()
        self.result.cancel()


class Jobs:
    """Transcribes jobs in a thread of its own.

    capacity: of the queue; what is being transcribed is no longer in it. While a long recording is recognised, short
    ones that come in are answered between its batches.
    """

    def __init__(self, transcriber: Transcriber, capacity: int = 32):
        self.transcriber, self.capacity = transcriber, capacity
        self._short: deque[Job] = deque()
        self._long: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="transcribing", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._short) + len(self._long)

    def submit(self, job: Job) -> None:
        """Queue a job. Raises BusyError where the queue is full or closed."""
        with self._changed:
            if self._closed or len(self) >= self.capacity:
                raise BusyError
            (self._short if job.seconds <= SHORT_SECONDS else self._long).append(job)
            self._changed.notify()

    def close(self) -> None:
        """Take no more jobs, finish those that wait, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or len(self) > 0)
                jobs = self._next_short() or ([self._long.popleft()] if self._long else [])
                if not jobs:
                    return
            self._transcribe(jobs, long=jobs[0].seconds > SHORT_SECONDS)

    def _next_short(self) -> list[Job]:
        return [self._short.popleft() for _ in range(min(TOGETHER, len(self._short)))]

    def _transcribe(self, jobs: list[Job], long: bool) -> None:
        running = [job for job in jobs if job.result.set_running_or_notify_cancel()]

        def between_batches(_: float) -> None:
            if all(job.abandoned.is_set() or job.result.done() for job in running):
                raise AbandonedError
            if long:
                with self._changed:
                    waiting = self._next_short()
                if waiting:
                    self._transcribe(waiting, long=False)

        try:
            transcripts = self.transcriber.transcribe_batch(
                [job.source for job in running],
                hotwords=[job.hotwords for job in running],
                progress=between_batches,
                speakers=[job.speakers for job in running],
            )
            for job, transcript in zip(running, transcripts, strict=True):
                job.result.set_result(transcript)
        except BaseException as error:  # of one batch: its clients are told, and the thread goes on
            for job in running:
                if not job.result.done():
                    job.result.set_exception(error)
