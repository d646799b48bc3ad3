"""How training would scale to many GPUs, by a model: one GPU's measured step, links and stragglers; no GPU is needed.

    python benchmarks/scaling_model.py

Writes its table into docs/scaling.md, which says what is assumed.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from table import write_section

SCALING = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
GPUS = (8, 64, 512)
PER_HOST = 8


@dataclass(frozen=True)
class Training:
    """A network: millions of parameters; milliseconds of a step on one GPU, and seconds of audio in it."""

    name: str
    parameters: float
    step: float
    audio: float


@dataclass(frozen=True)
class Link:
    """Between hosts: gigabits per second that a host has, and microseconds that a message takes."""

    name: str
    gigabits: float
    latency: float


TRAININGS = (  # docs/benchmarks.md, section gpu: an H200, bfloat16
    Training("dfcnn, recipe aishell", 2.8, 215.3, 1470.0),
    Training("whisper, base", 20.0, 114.9, 739.0),
)
LINKS = (Link("10 Gbit/s, TCP", 10.0, 50.0), Link("100 Gbit/s, RDMA", 100.0, 10.0))
WITHIN = Link("NVLink within a host", 1600.0, 10.0)  # bytes each way, of what NCCL reaches
SPREADS = (0.0, 0.05, 0.2)  # standard deviation of the logarithm of a worker's time for a step


def ring(members: int, megabytes: float, gigabits: float, latency: float) -> float:
    """Return the milliseconds in which a ring of so many sums a message: each sends it nearly twice, in 2 (n - 1)
    messages. Source: Patarasuk and Yuan, doi 10.1016/j.jpdc.2008.09.002."""
    if members == 1:
        return 0.0
    sending = 2 * (members - 1) / members * megabytes * 8 / gigabits  # megabytes * 8 / (gigabits per s) = ms
    return sending + 2 * (members - 1) * latency / 1000


def tree(members: int, megabytes: float, gigabits: float, latency: float) -> float:
    """Return the same for two trees of which each sums half: 2 log2 n messages. Source: NCCL 2.4."""
    if members == 1:
        return 0.0
    return 2 * megabytes * 8 / gigabits + 2 * math.log2(members) * latency / 1000


def communication(gpus: int, megabytes: float, link: Link) -> float:
    """Return the milliseconds of a sum over GPUs: within each host, between hosts by the faster way, and back."""
    inside, hosts = min(gpus, PER_HOST), max(1, gpus // PER_HOST)
    between = min(way(hosts, megabytes, link.gigabits, link.latency) for way in (ring, tree))
    return ring(inside, megabytes, WITHIN.gigabits, WITHIN.latency) + between


def waiting(gpus: int, spread: float, steps: int = 2000, seed: int = 0) -> float:
    """Return how many times its own time a step takes where all wait for the slowest, by simulation.

    Each worker's time is drawn anew in each step, log-normal with mean 1.
    """
    draw = np.random.default_rng(seed)
    times = draw.lognormal(-(spread**2) / 2, spread, (steps, gpus))
    return float(times.max(1).mean())


def efficiency(training: Training, gpus: int, link: Link, spread: float, bytes_each: float = 4.0) -> float:
    """Return the audio per second of so many GPUs, over that of one times their number. Nothing overlaps."""
    step = training.step * waiting(gpus, spread) + communication(gpus, training.parameters * bytes_each, link)
    return training.step / step


def table() -> str:
    """Return the table."""
    head = [f"{gpus} GPUs" for gpus in GPUS]
    rows = [
        "| network | between hosts | gradients | spread of a worker's time | " + " | ".join(head) + " |",
        "|---" * (4 + len(GPUS)) + "|",
    ]
    for training in TRAININGS:
        for link in LINKS:
            for name, size in (("fp32", 4.0), ("fp16", 2.0)):
                for spread in SPREADS if name == "fp32" else SPREADS[:1]:
                    cells = [cell(training, gpus, efficiency(training, gpus, link, spread, size)) for gpus in GPUS]
                    rows.append(
                        f"| {training.name} | {link.name} | {name} | {spread:.0%} | " + " | ".join(cells) + " |"
                    )
    return "\n".join(rows)


def cell(training: Training, gpus: int, share: float) -> str:
    """Return an efficiency, and the hours of audio per minute that it is."""
    hours = gpus * share * training.audio / (training.step / 1000) / 60
    return f"{share:.0%}, {hours:,.0f} h/min"


def main() -> None:
    write_section("model", table(), SCALING)


if __name__ == "__main__":
    main()
