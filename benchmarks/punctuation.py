"""F1 of punctuation on text or transcripts, against rules, and the time it takes.

python benchmarks/punctuation.py TEXT...                          text with its marks; all of it is one long transcript
python benchmarks/punctuation.py --json transcripts.json TEXT...  also recordings of the texts, in the order of the json
                                                                  (of transcribe --format json), with their pauses

Rules: a comma after every 9th character and a full stop after every 36th; with recordings a comma at pauses from 0.2 s
on, a full stop from 0.8 s on.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ramospeech.display import Punctuator  # noqa: E402
from ramospeech.display.marked_text import read_marked  # noqa: E402
from ramospeech.lm.text import TextFile  # noqa: E402

Pairs = list[tuple[str, str]]
"""Characters, each with its mark."""

COMMA_EVERY, STOP_EVERY = 9, 36
COMMA_PAUSE, STOP_PAUSE = 0.2, 0.8
SHOWN = ("，", "。", "？", "any mark")


def f1(found: Sequence[str], marks: Sequence[str | None]) -> dict[str, float]:
    """Return the F1 of marks, and of whether there is one; where the reference has None nothing is counted."""
    known = [(f, m) for f, m in zip(found, marks, strict=True) if m is not None]
    scores = {}
    for mark in SHOWN:
        pairs = [(bool(f), bool(m)) if mark == "any mark" else (f == mark, m == mark) for f, m in known]
        right, total = sum(f and m for f, m in pairs), sum(f + m for f, m in pairs)
        scores[mark] = 2 * right / total if total else 0.0
    return scores


def by_length(tokens: Sequence[str]) -> list[str]:
    """Return the marks of the rule of lengths."""
    return ["。" if i % STOP_EVERY == 0 else "，" if i % COMMA_EVERY == 0 else "" for i in range(1, len(tokens) + 1)]


def by_pause(pauses: Sequence[float]) -> list[str]:
    """Return the marks of the rule of pauses."""
    return ["。" if pause >= STOP_PAUSE else "，" if pause >= COMMA_PAUSE else "" for pause in pauses]


def marks_of(tokens: Sequence[str], reference: Pairs) -> list[str | None]:
    """Return the mark behind each recognised token, None where it is not known what it stands for."""
    marks: list[str | None] = [None] * len(tokens)
    matcher = SequenceMatcher(None, tokens, [character for character, _ in reference], autojunk=False)
    for _, start, end, first, last in matcher.get_opcodes():
        if end - start == last - first:
            marks[start:end] = [mark for _, mark in reference[first:last]]
    return marks


def show(name: str, scores: dict[str, float]) -> None:
    """Print a row of the table."""
    print(f"| {name} | " + " | ".join(f"{scores[mark]:.3f}" for mark in SHOWN) + " |", flush=True)


def main(argv: list[str] | None = None) -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="transcripts of recordings of the texts")
    parser.add_argument("--model", type=Path, metavar="FILE", help="default: the shipped one")
    parser.add_argument("--characters", type=int, default=100_000, help="of each text, at most")
    args = parser.parse_args(argv)
    punctuator = Punctuator.load(args.model)
    texts = [[pair for line in TextFile(path).lines() for pair in read_marked(line)] for path in args.texts]
    print("| text | " + " | ".join(SHOWN) + " |\n|---|" + "---|" * len(SHOWN))
    for path, text in zip(args.texts, texts, strict=True):
        tokens, marks = [c for c, _ in text[: args.characters]], [m for _, m in text[: args.characters]]
        began = time.process_time()
        found = punctuator.marks(tokens)
        seconds = time.process_time() - began
        show(f"{path.name}, model ({1e6 * seconds / len(tokens):.0f} ms per 1,000 characters)", f1(found, marks))
        show(f"{path.name}, every {COMMA_EVERY} and {STOP_EVERY}", f1(by_length(tokens), marks))
    if args.json:
        spoken = json.loads(args.json.read_text("utf-8"))
        rows: dict[str, list[str]] = {name: [] for name in ("model with pauses", "model without", "pauses alone")}
        reference: list[str | None] = []
        for transcript, text in zip(spoken, texts, strict=True):
            tokens = [token["hanzi"] for token in transcript["tokens"]]
            pauses = [after["start"] - token["end"] for token, after in pairwise(transcript["tokens"])] + [0.0]
            reference += marks_of(tokens, text)[:-1]  # that of the last is given
            rows["model with pauses"] += punctuator.marks(tokens, pauses)[:-1]
            rows["model without"] += punctuator.marks(tokens)[:-1]
            rows["pauses alone"] += by_pause(pauses)[:-1]
        for name, found in rows.items():
            show(f"recordings, {name}", f1(found, reference))


if __name__ == "__main__":
    main()
