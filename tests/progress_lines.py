"""A plugin for pytest: a line with counts and the tests that are running, at least every 20 seconds."""

import os
import threading
import time

import pytest


class ProgressLines:
    """Prints a line every `interval` seconds of a run, also where pytest-xdist runs the tests in other processes."""

    def __init__(self, interval: float = 20.0) -> None:
        self.interval = interval
        self.output = os.fdopen(os.dup(1), "w")  # while a test runs, what goes to 1 itself is captured
        self.running: dict[str, float] = {}
        self.done = self.failed = self.total = 0
        self.began = time.monotonic()
        self.ended = threading.Event()

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self.report, daemon=True).start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.total = len(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.running[nodeid] = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed += report.failed

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.running.pop(nodeid, None)
        self.done += 1

    def pytest_sessionfinish(self) -> None:
        self.ended.set()

    def line(self) -> str:
        """What has been done in how many seconds, and what runs for how long."""
        now = time.monotonic()
        running = [f"{nodeid} ({now - began:.0f} s)" for nodeid, began in list(self.running.items())]
        text = f"[{now - self.began:.0f} s] {self.done} of {self.total or '?'} tests done, {self.failed} failed"
        return f"{text}; running: {', '.join(running)}" if running else text

    def report(self) -> None:
        """Print the line at every interval until the run has ended."""
        while not self.ended.wait(self.interval):
            self.output.write(f"\n{self.line()}\n")
            self.output.flush()
