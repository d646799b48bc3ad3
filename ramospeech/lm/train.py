"""Train a language model of syllables: `ramospeech lm TEXT... --output lm.arpa`.

Text is plain or gzip, UTF-8, one or more sentences per line. Lines with hanzi are normalised (digits written out,
punctuation dropped) and converted by pypinyin; lines without are pinyin; of a list line (path, pinyin, hanzi) the
pinyin is used. Other lines are skipped and counted. The same text and options give the same model.
"""

import argparse
import math
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ctc_decode import NgramModel
from ramospeech import errors
from ramospeech.cli import Parser, count, count_or_0
from ramospeech.lm.kneser_ney import NgramTrainer
from ramospeech.lm.text import TextFile
from ramospeech.text import hanzi, pinyin

CHUNK = 2000  # lines that one process reads at a time
_HAN = re.compile("[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SENTENCE_END = re.compile("[。！？!?；;]")


@dataclass
class Read:
    """Sentences of syllables, what they were read from, and the first lines that could not be read."""

    sentences: list[list[str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)

    def add(self, other: "Read") -> None:
        """Take over the counts and the skipped lines of a part; its sentences are not kept."""
        self.counts += other.counts
        self.skipped = (self.skipped + other.skipped)[:3]

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.counts[kind]:,} {kind}" for kind in ("hanzi", "pinyin", "skipped"))
        examples = f" (such as {', '.join(map(repr, self.skipped))})" if self.skipped else ""
        return (
            f"lines: {kinds}{examples}; {self.counts['sentences']:,} sentences, {self.counts['syllables']:,} syllables"
        )


def read_lines(lines: Sequence[str]) -> Read:
    """Return the sentences of lines of hanzi or pinyin.

    >>> read_lines(["你好！有3个。", "ni3 hao3 ma5", "a.wav\\thao3\\t好", "hello"]).sentences
    [['ni3', 'hao3'], ['you3', 'san1', 'ge4'], ['ni3', 'hao3', 'ma'], ['hao3']]
    """
    read = Read()
    for line in lines:
        columns = line.split("\t")
        text = columns[1] if len(columns) in (3, 4) else line
        kind = "hanzi" if _HAN.search(text) else "pinyin"
        try:
            if kind == "hanzi":
                found = [pinyin.from_hanzi(hanzi.normalise(part).tokens) for part in _SENTENCE_END.split(text)]
            else:
                found = [pinyin.parse(text)]
        except errors.UnitError:
            found = []
        found = [sentence for sentence in found if sentence]
        if not found:
            kind = "skipped"
            read.skipped.append(line[:40])
        read.counts[kind] += 1
        read.counts["sentences"] += len(found)
        read.counts["syllables"] += sum(map(len, found))
        read.sentences += found
    read.skipped = read.skipped[:3]
    return read


def read_texts(paths: Sequence[Path], jobs: int) -> Iterator[Read]:
    """Yield the texts in parts, in order, read by `jobs` processes. Raises ListError for a file that cannot be read."""
    lines = (line for path in paths for line in TextFile(path).lines())
    chunks = iter(lambda: list(islice(lines, CHUNK)), [])
    if jobs == 1:
        yield from map(read_lines, chunks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        while some := list(islice(chunks, 4 * jobs)):  # so that files are not read ahead without bound
            yield from pool.map(read_lines, some, chunksize=1)


def perplexity(model: NgramModel, sentences: Sequence[Sequence[str]]) -> float:
    """Per syllable, the ends of sentences counted as syllables."""
    return math.exp(-model.scores(sentences).sum() / sum(len(sentence) + 1 for sentence in sentences))


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=__doc__)
    data = parser.add_argument_group("text")
    data.add_argument("texts", nargs="+", type=Path, metavar="TEXT", help="files of hanzi or pinyin, plain or gzip")
    data.add_argument(
        "--dev", nargs="+", type=Path, default=[], metavar="TEXT", help="held-out text, to print its perplexity"
    )
    data.add_argument("--jobs", type=count, help="processes that read the text (default: the cores)")
    model = parser.add_argument_group("model")
    model.add_argument("--output", type=Path, required=True, help="the ARPA file; gzip if it is named .gz")
    model.add_argument("--order", type=int, default=3, choices=range(1, 6), help="syllables in the longest n-gram")
    model.add_argument(
        "--max_ngrams", type=count_or_0, default=1_000_000, help="n-grams to keep, by relative entropy; 0: all"
    )
    model.add_argument(
        "--min_counts", type=int, nargs="+", default=[1], metavar="N",
        help="drop n-grams of length 1, 2, ... that occur less often; the last holds for longer ones",
    )  # fmt: skip
    return parser


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    args = parser().parse_args(argv)
    began = time.monotonic()

    def say(message: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {message}", file=sys.stderr, flush=True)

    trainer, total = NgramTrainer(args.order), Read()
    for part in read_texts(args.texts, args.jobs or os.cpu_count() or 1):
        trainer.add(part.sentences)
        total.add(part)
    say(str(total))
    try:
        model = trainer.model(args.max_ngrams or None, args.min_counts)
    except ValueError as error:
        raise errors.TrainingError(f"{error}; give other text or other options") from None
    try:
        model.write(args.output)
    except OSError as error:
        raise errors.TrainingError(f"{args.output}: not written ({error.strerror}); choose another --output") from None
    sizes = ", ".join(f"{high - low:,}" for low, high in zip(model.levels, model.levels[1:], strict=False))
    say(f"{args.output}: n-grams of length 1 to {model.order}: {sizes}")
    for path in args.dev:
        dev = Read()
        sentences: list[list[str]] = []
        for part in read_texts([path], 1):
            sentences += part.sentences
            dev.add(part)
        if not sentences:
            raise errors.ListError(f"{path}: has neither hanzi nor pinyin")
        say(f"{path}: perplexity {perplexity(model, sentences):.1f}; {dev}")


if __name__ == "__main__":
    raise SystemExit(main())
