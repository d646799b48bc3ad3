"""Transcribes recordings for long_recording.py: a JSON list of paths on stdin, a JSON object on stdout."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ramospeech import environment

environment.prepare()  # as the programs do

from ramospeech import Transcriber  # noqa: E402


def resident() -> float:
    """Return MB that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    """Transcribe, and note the memory after each minute of audio."""
    paths = json.load(sys.stdin)
    transcriber = Transcriber.from_pretrained()
    memory, seconds = [resident()], 0.0

    def progress(more: float) -> None:
        nonlocal seconds
        seconds += more
        if seconds >= 60 * len(memory):
            memory.append(resident())

    start = time.process_time()
    transcripts = [asdict(each) for each in transcriber.transcribe_batch(paths, progress=progress)]
    print(json.dumps({"cpu": time.process_time() - start, "memory": [*memory, resident()], "transcripts": transcripts}))


if __name__ == "__main__":
    main()
