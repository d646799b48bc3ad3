"""What TensorBoard gets, where it cannot be written."""

import subprocess
import sys

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
