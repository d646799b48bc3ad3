"""benchmarks/windows.py on a CPU."""

import os
import re
import subprocess
import sys
from pathlib import Path

from ramospeech.augment import BATCH_EFFECTS


def test_it_measures_every_effect(root: Path) -> None:
    page = (root / "docs" / "benchmarks.md").read_text("utf-8")
    line = [sys.executable, str(root / "benchmarks" / "windows.py"), "--device", "cpu", "--steps", "1"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\| (\w+), on all windows \| [\d.]+ \|$", done.stdout, re.M) == [*BATCH_EFFECTS]
    assert re.search(r"[\d,]+ audio seconds per second, \d+% of the time spent waiting", done.stdout.replace("\n", " "))
    assert (root / "docs" / "benchmarks.md").read_text("utf-8") == page
