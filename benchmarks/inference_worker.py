"""Transcribes recordings with one system: a JSON object on stdin, one on stdout. Run by inference.py.

In the environment of Whisper there is no ramospeech, so each system imports what it needs.
"""

import json
import re
import resource
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

Texts = tuple[list[str], list[list[str]]]  # of each recording, and its syllables, or no list


def ramospeech(model: str) -> Callable[[list[str]], Texts]:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from ramospeech import environment

    environment.prepare()  # as the programs do
    from ramospeech import Transcriber

    transcriber = Transcriber.from_pretrained(model)

    def transcribe(paths: list[str]) -> Texts:
        found = list(transcriber.transcribe_batch(paths))
        return [each.text for each in found], [list(each.pinyin) for each in found]

    return transcribe


def whisper(model: str, threads: int) -> Callable[[list[str]], Texts]:
    from faster_whisper import WhisperModel
    from opencc import OpenCC

    loaded, simplified = WhisperModel(model, "cpu", compute_type="int8", cpu_threads=threads), OpenCC("tw2s")

    def text(path: str) -> str:
        pieces, _ = loaded.transcribe(
            path, language="zh", beam_size=5, condition_on_previous_text=False, initial_prompt="以下是普通话的句子。"
        )
        return simplified.convert("".join(piece.text for piece in pieces))

    return lambda paths: ([text(path) for path in paths], [])


def peak_megabytes() -> float:
    """Of this program alone: where the system does not say, `ru_maxrss`, which begins at what the parent had."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text("ascii")) if status.is_file() else None
    return (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def main() -> None:
    given = json.load(sys.stdin)
    if given["system"] == "whisper":
        transcribe = whisper(given["model"], given["threads"])
    else:
        transcribe = ramospeech(given["model"])
    with tempfile.TemporaryDirectory() as folder:
        silence = str(Path(folder) / "silence.wav")
        with wave.open(silence, "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
            file.writeframes(bytes(32_000))
        transcribe([silence])
    start, cpu = time.perf_counter(), time.process_time()
    texts, syllables = transcribe(given["paths"])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    memory = peak_megabytes()
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": memory, "texts": texts, "syllables": syllables}))


if __name__ == "__main__":
    main()
