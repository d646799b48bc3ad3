"""Stopping a run between two steps, so that nothing is lost."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Stopper:
    """Turns Ctrl-C (and the SIGTERM that horovodrun sends on) into a wish to stop after the step."""

    def __init__(self) -> None:
        self.wanted = False

    def _ask(self, *_: Any) -> None:
        self.wanted = True

    @contextlib.contextmanager
    def listening(self) -> Iterator["Stopper"]:
        """Listen while the block runs (in the main thread; elsewhere it does nothing)."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
