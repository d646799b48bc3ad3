"""A transcription that several workers share: what each makes, the order, workers that differ or fail."""

import os
import subprocess
import sys
import threading
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ramospeech.errors import DistributedError, ModelError
from ramospeech.parallel import SingleProcess, WorkersChangedError
from ramospeech.programs import sharing
from ramospeech.transcript import Transcript

HOROVODRUN = Path(sys.executable).with_name("horovodrun")


class Threads(SingleProcess):
    """Workers that are threads."""

    def __init__(self, rank, size, barrier, items):
        self.rank, self.size, self.barrier, self.items = rank, size, barrier, items

    def all_gather_object(self, item):
        self.items[self.rank] = item
        self.barrier.wait(600)
        found = [self.items[rank] for rank in range(self.size)]
        self.barrier.wait(600)
        return found

    def broadcast_object(self, item):
        return self.all_gather_object(item)[0]


def together(size, what):
    """Run `what(workers)` on each; results, or errors, by rank."""
    barrier, items, results = threading.Barrier(size), {}, {}

    def run(rank):
        try:
            results[rank] = what(Threads(rank, size, barrier, items))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    return [results[rank] for rank in range(size)]


def share(workers, names, made, ready=lambda rank: None):
    """Share names; each worker notes what it made. Gives the ids in the order in which they come."""

    def make(sources):
        for source in sources:
            ready(workers.rank)
            made[workers.rank].append(source)
            yield Transcript(source, error="damaged" if source == "3" else None)

    sources = names if workers.rank == 0 else None
    return [transcript.id for transcript in sharing.shared(workers, sources, make)]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_each_is_made_once_and_comes_in_order(size, count):
    names = [str(i) for i in range(count)]
    made = [[] for _ in range(size)]
    assert together(size, lambda workers: share(workers, names, made)) == [names] * size
    assert sorted(chain(*made)) == names and max(map(len, made)) - min(map(len, made)) <= 1


def test_a_slow_worker_makes_less(monkeypatch):
    """The clock moves for worker 1 only, which has no time for more than one in each round."""
    clocks = [0.0, 0.0]
    of = threading.local()

    def tick(rank):
        clocks[rank] += 15.0 * rank

    def run(workers):
        of.rank = workers.rank
        return share(workers, names, made, tick)

    monkeypatch.setattr(sharing.time, "monotonic", lambda: clocks[of.rank])
    names = [str(i) for i in range(9)]
    made = [[], []]
    assert together(2, run) == [names] * 2
    assert sorted(chain(*made)) == names and len(made[1]) < len(made[0])


def test_workers_that_change_begin_anew_after_what_was_made(monkeypatch):
    monkeypatch.setattr(sharing, "ROUND", 0.0)
    monkeypatch.setattr(sharing, "_some", lambda make, sources, end: list(make([next(sources)])))
    found = []

    def run(workers):
        workers.changed = workers.rank == 1
        for transcript in sharing.shared(workers, ["a", "b", "c"], lambda some: map(Transcript, some)):
            found.append((workers.rank, transcript.id))

    assert [type(error) for error in together(2, run)] == [WorkersChangedError] * 2
    assert sorted(found) == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]


def test_an_error_of_one_is_an_error_of_all():
    def make(sources):
        raise ModelError("no memory")
        yield

    def run(workers):
        return list(sharing.shared(workers, ["a", "b"], make if workers.rank else lambda some: map(Transcript, some)))

    first, second = together(2, run)
    assert isinstance(first, DistributedError) and str(first) == "worker 1: no memory"
    assert isinstance(second, ModelError)


def test_hosts_with_other_recordings_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"four")
    of = threading.local()
    size = os.path.getsize
    monkeypatch.setattr(sharing.os.path, "getsize", lambda path: size(path) + of.rank)

    def run(workers):
        of.rank = workers.rank // 2
        sharing.check_same_recordings(workers, [tmp_path / "a.wav", tmp_path / "b.wav"] if workers.rank == 0 else None)

    assert together(2, run) == [None, None]
    assert [str(error).split(";")[0] for error in together(3, run)] == [
        "workers [2] have another set of recordings than worker 0"
    ] * 3


@pytest.mark.xdist_group("horovod")
def test_two_processes_write_what_one_does(tmp_path, root):
    if not HOROVODRUN.exists():
        pytest.skip("Horovod is not installed here")
    rng = np.random.default_rng(0)
    for i in range(5):
        soundfile.write(tmp_path / f"{i}.wav", rng.normal(0, 0.05, 16_000 * 6), 16_000)  # a batch each
    (tmp_path / "empty.wav").touch()
    written = []
    for launch in ([], [str(HOROVODRUN), "-np", "2"]):
        output = tmp_path / f"{len(launch)}.tsv"
        options = ["--format", "tsv", "--output", str(output), "--translator", "none", "--min_confidence", "0"]
        done = subprocess.run(
            [*launch, sys.executable, str(root / "speech2text.py"), *options, "."],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == (0 if launch else 3), done.stderr
        assert "6 recordings: 5 transcribed, 1 failed (1 the file is empty); " in done.stderr
        written.append(output.read_bytes())
    assert written[0] == written[1] and not list(tmp_path.glob("*.unfinished"))
