"""Pinyin to hanzi side by side: errors, speed and memory of our translators and of input methods.

    python benchmarks/translator.py --tests DIR [--peers DIR] [--lines N]

The tests DIR holds .tsv files of `pinyin<TAB>hanzi`. Every translator runs as a process of its own that reads lines
of toned syllables and writes lines of hanzi, one after another. The peers DIR holds programs run_NAME of that kind
(libpinyin, libime, sunpinyin, google: a few lines of C++ around each library); what is not there is left out. CPU time
is that of the process less that of the same process on one line, memory is its largest. Writes its section of
docs/benchmarks.md.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_training import machine
from table import write_section

from ramospeech import errors
from ramospeech.score import Score, cer
from ramospeech.text import pinyin
from ramospeech.translate import NgramTranslator, Seq2SeqTranslator, load_translator

OURS: dict[str, Callable[[], NgramTranslator | Seq2SeqTranslator]] = {
    "n-gram, second pass (default)": load_translator,
    "n-gram alone": NgramTranslator.load,
    "n-gram alone, trusts tones": lambda: NgramTranslator.load(None, None),
}
PEERS = {"libpinyin": ["toneless"], "libime": [], "sunpinyin": [], "google": []}


def work(name: str) -> None:
    """Be a translator: lines of syllables on stdin, lines of hanzi on stdout."""
    import torch

    torch.set_num_threads(1)
    sentences = [pinyin.parse(line) for line in sys.stdin.read().splitlines()]
    for best in OURS[name]().translate_batch(sentences):
        print(best[0].hanzi)


@dataclass(frozen=True)
class Run:
    """A process: its output lines, CPU seconds and megabytes."""

    lines: list[str]
    seconds: float
    megabytes: float


def memory(process: int) -> float:
    """The most megabytes that a process has had so far."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def run(command: Sequence[str], text: str) -> Run:
    """Run a translator on lines of syllables; raises RuntimeError where it fails."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(text.encode())
        source.seek(0)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdin=source, stdout=target, stderr=subprocess.DEVNULL, env=environment)
        megabytes, ended = 0.0, (0, 0, None)
        while not ended[0]:  # not ru_maxrss, which counts what this process had when it forked
            megabytes = max(megabytes, memory(process.pid))
            time.sleep(0.02)
            ended = os.wait4(process.pid, os.WNOHANG)
        _, status, used = ended
        if status:
            raise RuntimeError(f"{command[0]} ended with status {status}")
        target.seek(0)
        lines = target.read().decode(errors="replace").splitlines()
    return Run(lines, used.ru_utime + used.ru_stime, megabytes)


def measure(command: Sequence[str], sentences: Sequence[Sequence[str]], references: Sequence[str]) -> tuple[Score, Run]:
    """The score on all sentences, and the run without its start."""
    lines = [" ".join(sentence) + "\n" for sentence in sentences]
    start = run(command, lines[0])
    whole = run(command, "".join(lines))
    hypotheses = [line.split("\t")[0] for line in whole.lines]
    if len(hypotheses) != len(references):
        raise RuntimeError(f"{command[0]}: {len(hypotheses)} lines for {len(references)}")
    return cer(references, hypotheses), Run(hypotheses, max(whole.seconds - start.seconds, 1e-9), whole.megabytes)


def read(path: Path, max_lines: int | None) -> tuple[list[list[str]], list[str]]:
    """The syllables and the hanzi of a file of `pinyin<TAB>hanzi`."""
    sentences, references = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines()[:max_lines], 1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise errors.ListError(f"{path}:{number}: {len(columns)} columns; give pinyin<TAB>hanzi")
        sentences.append([pinyin.normalise_syllable(syllable) for syllable in columns[0].split()])
        references.append(columns[1])
    return sentences, references


def commands(peers: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """How to run each translator that is there; why the others are left out."""
    found, absent = {}, {}
    for name in OURS:
        try:
            OURS[name]()
            found[name] = [sys.executable, __file__, "--work", name]
        except errors.ModelError as error:
            absent[name] = str(error)
    for name, options in PEERS.items():
        program = peers / f"run_{name}"
        if program.is_file():
            found[name] = [str(program), *options]
        else:
            absent[name] = f"{program.name} is not in --peers"
    return found, absent


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--tests", type=Path, help="folder of .tsv files")
    parser.add_argument("--peers", type=Path, default=Path("~/.cache/ramospeech-peers/bin").expanduser())
    parser.add_argument("--lines", type=int, help="of each file; all where not given")
    parser.add_argument("--work", choices=list(OURS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    if arguments.tests is None:
        print("translator: skipped, as it needs test sentences: --tests DIR", file=sys.stderr)
        return
    files = sorted(arguments.tests.glob("*.tsv"))
    if not files:
        raise errors.UsageError(f"{arguments.tests}: no .tsv files there; give a folder of pinyin<TAB>hanzi")
    found, absent = commands(arguments.peers)
    parts = [
        f"""## Pinyin to hanzi

`python benchmarks/translator.py --tests DIR`, {date.today().isoformat()}, {machine()}. Corpus-level CER % with its
95 % bootstrap interval, whole sentences right %, sentences per CPU second, megabytes of the process (ours with Python
and PyTorch). The peers know no tones."""
    ]
    for file in files:
        sentences, references = read(file, arguments.lines)
        rows = ["| translator | CER % | sentences right % | sentences/s | MB |", "|---|---|---|---|---|"]
        for name, command in found.items():
            try:
                score, used = measure(command, sentences, references)
            except RuntimeError as error:
                absent[name] = str(error)
                continue
            low, high = score.interval()
            rows.append(
                f"| {name} | {100 * score.rate:.2f} ({100 * low:.2f} to {100 * high:.2f}) | {100 * score.accuracy:.1f} "
                f"| {len(sentences) / used.seconds:,.0f} | {used.megabytes:,.0f} |"
            )
            print(f"{file.stem}: {rows[-1]}", file=sys.stderr, flush=True)
        parts.append(f"### {file.stem} ({len(references):,} sentences)\n\n" + "\n".join(rows))
    parts += [f"Left out: {name} ({reason})." for name, reason in absent.items()]
    text = "\n\n".join(parts)
    print(text)
    write_section("translator", text)


if __name__ == "__main__":
    raise SystemExit(main())
