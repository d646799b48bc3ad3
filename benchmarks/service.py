"""`ramospeech serve` on loopback with many clients at once, some of them hostile; one command, two minutes.

    python benchmarks/service.py [--clients 64] [--seconds 40] [--requests 2000]

First the clips of the demo's test set one by one, then the same by all clients together for some seconds: each answer
must be that of the clip alone. Then so many requests of which one in twenty is broken, too large, not audio or left
half-way. A client that is told to wait (429) comes again. Writes its section of docs/benchmarks.md.

Exit status 0; 1 where an answer is wrong or the service has ended.
"""

import argparse
import asyncio
import random
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_training import machine
from table import write_section

from ramospeech import audio

ROOT = Path(__file__).resolve().parent.parent
CLIPS = sorted((ROOT / "demo" / "audio" / "test").glob("*.ogg"))
PATH = "/v1/audio/transcriptions"
TIMEOUT = 120.0
HOSTILE = (b"", b"not audio" * 100, b"RIFF\xff\xff\xff\x7fWAVEfmt ", b"OggS" + bytes(3000), bytes(2_000_000))


class Server:
    """`ramospeech serve --model dfcnn` on a free port. A context manager."""

    def __enter__(self) -> "Server":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "ramospeech", "serve", "--model", "dfcnn", "--port", str(port)]
        self.process = subprocess.Popen([*command, "--max_megabytes", "1"], cwd=ROOT, stderr=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)  # fmt: skip
        for _ in range(600):
            try:
                httpx2.get(self.url + "/healthz")
                return self
            except httpx2.TransportError:
                time.sleep(0.2)
        raise SystemExit("error: the service did not start within two minutes")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)

    def megabytes(self) -> float:
        """The memory of its process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


class Load:
    """What clients send, and what they get."""

    def __init__(self, url: str):
        self.url, self.expected = url, dict[Path, str]()
        self.times: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.wrong = 0
        self.seconds = 0.0

    async def ask(self, client: httpx2.AsyncClient, clip: Path) -> None:
        """Send a clip until it is taken; its answer must be the expected one."""
        start = time.perf_counter()
        while True:
            answer = await client.post(self.url + PATH, files={"file": (clip.name, clip.read_bytes())})
            self.statuses[answer.status_code] += 1
            if answer.status_code != 429:
                break
            await asyncio.sleep(random.uniform(0.05, 0.3))
        text = answer.json().get("text")
        self.times.append(time.perf_counter() - start)
        self.seconds += audio.duration(clip)
        self.wrong += text != self.expected.setdefault(clip, text) or answer.status_code != 200

    async def attack(self, client: httpx2.AsyncClient, rng: random.Random) -> None:
        """Send something that is not a recording, or leave; nothing but a clear refusal may come back."""
        content = rng.choice(HOSTILE)
        try:
            patience = 0.05 if rng.random() < 0.3 else TIMEOUT
            answer = await client.post(self.url + PATH, files={"file": ("../../<b>.wav", content)}, timeout=patience)
        except httpx2.TransportError:
            self.statuses[0] += 1
            return
        self.statuses[answer.status_code] += 1
        self.wrong += answer.status_code not in (400, 413, 429)


async def together(clients: int, work: Callable[[httpx2.AsyncClient], Awaitable[None]]) -> float:
    """Run so many clients at once; returns the seconds they took."""
    limits = httpx2.Limits(max_connections=clients)
    start = time.perf_counter()
    async with httpx2.AsyncClient(timeout=TIMEOUT, limits=limits) as client:
        await asyncio.gather(*(work(client) for _ in range(clients)))
    return time.perf_counter() - start


def row(name: str, load: Load, elapsed: float, memory: float) -> str:
    """One phase as a row of the table."""
    cuts = statistics.quantiles(load.times, n=100, method="inclusive")
    statuses = ", ".join(f"{count:,} x {status or 'left'}" for status, count in sorted(load.statuses.items()))
    return (
        f"| {name} | {len(load.times):,} | {len(load.times) / elapsed:.1f} | {load.seconds / elapsed:.0f} "
        f"| {cuts[49]:.2f} | {cuts[94]:.2f} | {cuts[98]:.2f} | {statuses} | {load.wrong} | {memory:.0f} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64, help="at once")
    parser.add_argument("--seconds", type=float, default=40.0, help="of the first part")
    parser.add_argument("--requests", type=int, default=2000, help="of the second part")
    args = parser.parse_args()
    rows, wrong = [], 0
    with Server() as server:
        alone = Load(server.url)

        async def one_by_one(client: httpx2.AsyncClient) -> None:
            for clip in CLIPS:
                await alone.ask(client, clip)

        rows.append(row("one client", alone, asyncio.run(together(1, one_by_one)), server.megabytes()))
        load, end = Load(server.url), time.perf_counter() + args.seconds
        load.expected = alone.expected

        async def until_the_end(client: httpx2.AsyncClient) -> None:
            while time.perf_counter() < end:
                await load.ask(client, random.choice(CLIPS))

        elapsed = asyncio.run(together(args.clients, until_the_end))
        rows.append(row(f"{args.clients} clients", load, elapsed, server.megabytes()))
        soak, left, rng = Load(server.url), args.requests, random.Random(1)
        soak.expected = alone.expected

        async def soaking(client: httpx2.AsyncClient) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                if rng.random() < 0.05:
                    await soak.attack(client, rng)
                else:
                    await soak.ask(client, rng.choice(CLIPS))

        elapsed = asyncio.run(together(args.clients, soaking))
        rows.append(row("5 % hostile", soak, elapsed, server.megabytes()))
        wrong = alone.wrong + load.wrong + soak.wrong + (server.process.poll() is not None)
    markdown = "\n".join(
        [
            "## The service",
            "",
            f"`python benchmarks/service.py`, {date.today()}, {machine()}. `ramospeech serve --model dfcnn`, clips of "
            "the demo's test set; latency from a clip's first request to its answer, so with the times that a client "
            "was told to come again (429).",
            "",
            "| | answers | per second | audio s per second | median s | 95 % | 99 % | statuses | wrong | MB after |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *rows,
        ]
    )
    print(markdown)
    write_section("service", markdown)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
