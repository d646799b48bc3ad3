"""A service in a thread of the test, on a free port, for clients that need a real connection."""

import asyncio
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI


class Running:
    """An application that serves. A context manager.

    url: ends in a slash. address: for sockets. end: tells it to end, as SIGTERM does.
    """

    def __init__(self, app: FastAPI):
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=30))
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self.socket.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}/"
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve([self.socket])))

    def __enter__(self) -> "Running":
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            time.sleep(0.01)
        return self

    def end(self) -> None:
        self.server.should_exit = True

    def __exit__(self, *_: object) -> None:
        self.end()
        self.thread.join(60)
        assert not self.thread.is_alive()
