"""Train the n-gram translator: `ramospeech train_ngram TEXT... --output FILE`.

Two passes over the text count characters and trigrams; pypinyin annotates a part of it for the lexicon; then the
model is pruned until its file fits the size limit. The same text and options give the same bytes.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ramospeech import errors
from ramospeech.cli import Parser
from ramospeech.errors import extra
from ramospeech.lm.characters import Estimate, estimate
from ramospeech.lm.counting import count_characters, count_trigrams
from ramospeech.lm.text import VARIANTS, TextFile, excluded
from ramospeech.text import Vocabulary
from ramospeech.translate.lexicon import FALLBACK, Lexicon, reading_probabilities
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram.model import MAX_CHARACTERS, NgramModel
from ramospeech.translate.ngram.pruning import prune

with extra("text"):
    from pypinyin import Style, lazy_pinyin
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_normal

MIN_COUNT = 2  # a character seen once is usually a typing error


def choose_characters(counts: np.ndarray) -> str:
    """Return the characters of the model: the boundary, FALLBACK, then the others, most frequent first.

    These are the characters of GB2312, those seen MIN_COUNT times, and for each syllable that would have no character
    the first one in pypinyin.

    Args:
        counts: (0x110000,) occurrences of each code point.
    """
    gb2312 = (bytes((row, cell)) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    chosen = {ord(code.decode("gb2312")) for code in gb2312 if not b"\xd7\xfa" <= code <= b"\xd7\xfe"}
    chosen |= {code for code in np.flatnonzero(counts >= MIN_COUNT).tolist() if code in PINYIN_DICT}
    of_base: dict[str, int] = {}
    for code in sorted(PINYIN_DICT, key=lambda code: (code not in chosen, code)):
        for reading in PINYIN_DICT[code].split(","):
            of_base.setdefault(to_normal(reading), code)
    chosen |= set(of_base.values())
    chosen -= set(map(ord, VARIANTS))
    by_frequency = sorted(chosen, key=lambda code: (-counts[code], code))
    return ngram_file.BOUNDARY_CHARACTER + FALLBACK + "".join(map(chr, by_frequency[: MAX_CHARACTERS - 2]))


def annotate(texts: Sequence[TextFile], every: int, exclude: frozenset[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each `every`-th line of the texts with its syllables."""
    for text in texts:
        for number, line in enumerate(text.lines()):
            if number % every == 0 and line not in exclude:
                yield line, lazy_pinyin(line, style=Style.TONE3, errors=list)  # type: ignore[arg-type]


def fit(full: Estimate, characters: str, lexicon: Lexicon, max_bytes: int, training: dict) -> tuple[NgramModel, bytes]:
    """Return the largest pruned model whose file has at most `max_bytes`, within 1.5 %; raises UsageError."""
    keep, best = len(full), None
    for _ in range(8):
        model = prune(full, keep, characters, lexicon)
        packed = ngram_file.pack(model, training)
        if len(packed) <= max_bytes:
            best = model, packed
            if keep == len(full) or len(packed) >= 0.985 * max_bytes:
                break
        keep = min(len(full), int(keep * 0.993 * max_bytes / len(packed)))
    if best is None:
        raise errors.UsageError(
            f"--max_mb {max_bytes / 1e6:g} is too small: the characters and their readings alone are larger than that"
        )
    return best


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=__doc__.split("\n\n")[0])
    data = parser.add_argument_group("text")
    data.add_argument(
        "texts", nargs="+", metavar="TEXT", help="plain or gzip, one sentence per line; TEXT=0.1 weights it"
    )
    data.add_argument(
        "--exclude", nargs="+", type=Path, default=[], metavar="FILE", help="files of sentences to leave out"
    )
    data.add_argument("--annotate", type=int, default=3_000_000, help="characters to annotate with pypinyin")
    model = parser.add_argument_group("model")
    model.add_argument("--output", type=Path, required=True, help="the model file, .safetensors")
    model.add_argument("--order", type=int, default=3, choices=(2, 3), help="characters in the longest n-gram")
    model.add_argument("--max_mb", type=float, default=8.0, help="maximum size of the file, in 10^6 bytes")
    return parser


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    args = parser().parse_args(argv)
    texts = [TextFile.parse(argument) for argument in args.texts]
    exclude = excluded(args.exclude)
    began = time.monotonic()

    def say(message: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {message}", file=sys.stderr, flush=True)

    dropped = sum(line in exclude for text in texts for line in text.lines()) if exclude else 0
    say(f"left out {dropped} lines that --exclude lists")
    character_counts = count_characters(texts, exclude)
    characters = choose_characters(character_counts)
    total = int(character_counts[[ord(character) for character in characters[2:]]].sum())
    if not total:
        raise errors.TrainingError("the text has no hanzi; give text with one sentence of hanzi per line")
    say(f"{total:,} characters, {len(characters) - 2:,} different")
    counts = count_trigrams(texts, characters, exclude)
    say(f"{len(counts.keys):,} different trigrams")
    every = max(1, round(total / args.annotate)) if args.annotate > 0 else sys.maxsize
    lexicon = Lexicon.build(reading_probabilities(characters, annotate(texts, every, exclude)))
    missing = [s for s in Vocabulary.inventory().units[2:] if not lexicon.can_read(s)]
    say(f"{len(lexicon.ids):,} readings of {len(lexicon.syllables):,} syllables; without any: {missing or 'none'}")
    full = estimate(counts, len(characters), args.order)
    training = {
        "characters": total,
        "texts": {text.path.name: text.weight for text in texts},
        "order": args.order,
        "annotated_every": every,
        "excluded": dropped,
    }
    model, packed = fit(full, characters, lexicon, int(args.max_mb * 1e6), training)
    ngram_file.write(args.output, packed)
    kept = f"{len(model.bigrams):,} of {len(full.p2):,} bigrams, {len(model.trigrams):,} of {len(full.p3):,} trigrams"
    say(f"{args.output}: {kept}, {len(packed):,} bytes")


if __name__ == "__main__":
    raise SystemExit(main())
