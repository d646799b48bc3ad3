"""Names the worker that the others wait for: one that is stopped, swaps, or reads slowly."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PERIOD = 3.0  # seconds between signs of life of a worker
LATE = 12.0  # seconds of waiting after which workers without one are named; Gloo gives up after 30
SLOW = 120.0  # and those that live, but have not come as far
END = 10.0  # seconds to wait at the end for a call of the server that is under way


class Watch:
    """Publishes a sign of life of this worker now and then, and looks at those of the others when they are late.

    Of the workers that wait, the one of the lowest rank says on stderr which it waits for, once in each wait.

    Args:
        rank, size: of this worker.
        put, get: a text by its key, on the server of the launcher; an error in them is ignored.
    """

    def __init__(self, rank: int, size: int, put: Callable[[str, str], object], get: Callable[[str], str]) -> None:
        self.rank, self.size, self._put, self._get = rank, size, put, get
        self._calls = 0
        self._since: float | None = None
        self._seen: dict[int, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Publish nothing more, and wait up to END seconds until the thread has ended.

        A thread that comes back from torch's server after the interpreter has begun to end aborts the process.
        """
        self._ended.set()
        self._thread.join(END)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for the others in the block."""
        self._calls += 1
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _run(self) -> None:
        beats = told = 0
        while not self._ended.wait(PERIOD if beats else 0.0):
            beats += 1
            calls, since = self._calls, self._since
            try:
                self._put(f"worker{self.rank}", json.dumps([calls, socket.gethostname(), beats]))
                if since is None or time.monotonic() - since < LATE - 3 * PERIOD:
                    self._seen.clear()
                elif told != calls and (late := self._late(calls, time.monotonic() - since)):
                    told = calls
                    if self.rank == min(set(range(self.size)) - set(late), default=-1):
                        names = " and ".join(late.values())
                        print(
                            f"worker {self.rank} has waited {time.monotonic() - since:.0f} s for {names}",
                            file=sys.stderr,
                        )
            except (OSError, RuntimeError, ValueError):
                continue  # the server has ended

    def _late(self, calls: int, waited: float) -> dict[int, str]:
        """Look at the others; those that are late, by rank, when this worker has waited long enough."""
        late, now = {}, time.monotonic()
        for rank in sorted(set(range(self.size)) - {self.rank}):
            text = self._sign_of(rank)
            if rank not in self._seen or self._seen[rank][0] != text:
                self._seen[rank] = text, now
            theirs, host, _ = json.loads(text) if text else (0, "another host", 0)
            silent = now - self._seen[rank][1] >= 2 * PERIOD
            if silent or (theirs < calls and waited >= SLOW):
                why = (
                    "gives no sign of life: stopped, or the host swaps"
                    if silent
                    else "is not as far: slow, or it swaps"
                )
                late[rank] = f"worker {rank} on {host}, which {why}"
        return late if waited >= LATE else {}

    def _sign_of(self, rank: int) -> str:
        """Return the last sign of life of a worker; empty where it has given none."""
        try:
            return self._get(f"worker{rank}")
        except RuntimeError:
            return ""
