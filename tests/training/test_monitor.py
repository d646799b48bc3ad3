"""What TensorBoard gets, where it cannot be written."""

import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ramospeech.training import Monitor
from ramospeech.training.events import EventFile

FULL_DISK = """
import resource, sys
from ramospeech.training import Monitor
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
monitor = Monitor(sys.argv[1], True, 5000)
for step in range(5000):
    monitor.scalars({"a": 1.0, "b": 2.0}, step)
    monitor.progress()
monitor.close()
"""


def test_a_full_disk_stops_the_events_and_nothing_else(tmp_path):
    """By a real limit of the system. tensorboardX alone would block after some events, and at the end."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "events")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("TensorBoard's events") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_file_keeps_its_first_error(size):
    """Where it comes to light while something is written, flushed or closed."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this machine")
    for last in ("write", "flush", "close"):
        file = EventFile(Path("/dev/full"))
        assert file.error is None
        file.write(b"0" * size)
        if last == "flush":
            file.flush()
        elif last == "close":
            file.close()
        assert (file.error is None) == (last == "write" and size == 1)
        for _ in range(2):
            file.write(b"1")
            file.flush()
            file.close()
        assert file.error is not None and file.error.strerror == "No space left on device"


def test_a_resumed_run_writes_its_steps_again(tmp_path: Path):
    for done, value in ((0, 1.0), (3, 2.0)):
        monitor = Monitor(tmp_path / "a:b" / "events", True, 6, done)
        for step in range(done, 6):
            monitor.scalars({"loss": value}, step)
        monitor.close()
    events = EventAccumulator(str(tmp_path / "a:b" / "events"))
    events.Reload()
    scalars = [(event.step, event.value) for event in events.Scalars("loss")]
    assert scalars == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]


def test_other_ranks_write_nothing(tmp_path: Path):
    monitor = Monitor(tmp_path / "events", False, 6)
    monitor.scalars({"loss": 1.0}, 0)
    monitor.close()
    assert not (tmp_path / "events").exists()
