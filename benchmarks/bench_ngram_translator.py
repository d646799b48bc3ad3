"""Pinyin to hanzi on test sentences: the n-gram translator beside Pinyin2Hanzi.

    python benchmarks/bench_ngram_translator.py --tests DIR

DIR holds .tsv files of `pinyin<TAB>hanzi`. Both run in this process, on the same sentences, one core; CER is that of
the corpus. The section of docs/benchmarks.md is written anew.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from table import write_section

from ramospeech import errors
from ramospeech.score import Score, cer
from ramospeech.text import pinyin
from ramospeech.translate import NgramTranslator, ngram_path
from ramospeech.translate.translator import TONE_COST

Translate = Callable[[Sequence[Sequence[str]]], Iterable[str]]


def ours(tone_cost: float | None) -> Translate:
    translator = NgramTranslator.load(None, tone_cost)
    return lambda sentences: (best[0].hanzi for best in translator.translate_batch(sentences))


def pinyin2hanzi() -> Translate | str:
    """The peer with its better algorithm and its own spelling of syllables, or why there is none."""
    try:
        from Pinyin2Hanzi import DefaultDagParams, dag, simplify_pinyin
    except ImportError:
        return "Pinyin2Hanzi is not installed (pip install Pinyin2Hanzi)"
    params = DefaultDagParams()

    def translate(sentence: Sequence[str]) -> str:
        paths = dag(params, [simplify_pinyin(pinyin.toneless(s)) for s in sentence], path_num=1)
        return "".join(paths[0].path) if paths else ""

    return lambda sentences: map(translate, sentences)


@dataclass(frozen=True)
class Measured:
    """What a translator did on a file: its score, and sentences per CPU second."""

    score: Score
    speed: float

    def row(self, name: str) -> str:
        low, high = self.score.interval()
        return (
            f"| {name} | {100 * self.score.rate:.2f} ({100 * low:.2f} to {100 * high:.2f}) "
            f"| {100 * self.score.accuracy:.1f} | {self.speed:,.0f} |"
        )


def measure(translate: Translate, sentences: Sequence[Sequence[str]], references: Sequence[str]) -> Measured:
    """Translates all sentences and compares them."""
    began = time.process_time()
    hypotheses = list(translate(sentences))
    seconds = time.process_time() - began
    return Measured(cer(references, hypotheses), len(sentences) / seconds)


def read(path: Path) -> tuple[list[list[str]], list[str]]:
    """The syllables and the hanzi of a file of `pinyin<TAB>hanzi`."""
    sentences, references = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise errors.ListError(f"{path}:{number}: {len(columns)} columns; give pinyin<TAB>hanzi")
        sentences.append([pinyin.normalise_syllable(syllable) for syllable in columns[0].split()])
        references.append(columns[1])
    return sentences, references


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tests", type=Path, help="folder of .tsv files")
    arguments = parser.parse_args()
    if arguments.tests is None:
        print("n-gram translator: skipped, as it needs test sentences: --tests DIR", file=sys.stderr)
        return
    files = sorted(arguments.tests.glob("*.tsv"))
    if not files:
        raise errors.UsageError(f"{arguments.tests}: no .tsv files there; give a folder of pinyin<TAB>hanzi")
    peer = pinyin2hanzi()
    size = ngram_path().stat().st_size / 1e6
    lines = [
        "## Pinyin to hanzi: the n-gram translator",
        "",
        "`python benchmarks/bench_ngram_translator.py --tests DIR`. Corpus-level CER % with its 95 % bootstrap "
        "interval, whole sentences right %, sentences per CPU second on one core, top-1. `strict` trusts every tone "
        f"(`--tone_cost inf`). Model {size:.2f} MB. Python {platform.python_version()}, {platform.machine()}.",
    ]
    for file in files:
        sentences, references = read(file)
        title = f"{file.stem} ({len(references):,} sentences)"
        lines += ["", f"### {title}", ""]
        lines += ["| translator | CER % | sentences right % | sentences/s |", "|---|---|---|---|"]
        default = measure(ours(TONE_COST), sentences, references)
        lines.append(default.row("n-gram (default)"))
        lines.append(measure(ours(None), sentences, references).row("n-gram, strict"))
        if not isinstance(peer, str):
            other = measure(peer, sentences, references)
            errors_ratio, speed_ratio = other.score.rate / default.score.rate, other.speed / default.speed
            lines.append(other.row("Pinyin2Hanzi 0.1.1, DAG, toneless"))
            lines += ["", f"Pinyin2Hanzi: {errors_ratio:.1f} times our errors, {speed_ratio:.0f} times our speed."]
        print("\n".join(lines[lines.index(f"### {title}") :]), flush=True)
    if isinstance(peer, str):
        lines += ["", f"Peer skipped: {peer}."]
    write_section("ngram_translator", "\n".join(lines))


if __name__ == "__main__":
    raise SystemExit(main())
