"""Translate lines of pinyin to hanzi: `ramospeech translate < pinyin_lines > hanzi_lines`."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ramospeech import errors
from ramospeech.cli import Parser, count
from ramospeech.errors import UnitError
from ramospeech.text import collect_hotwords, pinyin
from ramospeech.translate.error_model import ErrorModel
from ramospeech.translate.lexicon import FALLBACK
from ramospeech.translate.load import load_translator, translator_path
from ramospeech.translate.ngram.phrases import Phrases
from ramospeech.translate.ngram.translator import TONE_COST, NgramTranslator
from ramospeech.translate.opennmt import opennmt_block

if TYPE_CHECKING:  # which needs torch
    from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator

LINES_AT_ONCE = 64


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(
        description="Translate toned pinyin on standard input, one sentence per line, to hanzi on standard output. "
        f"A token that is not a syllable becomes {FALLBACK} and is reported on standard error; empty lines stay empty.",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=translator_path(),
        help="file of the n-gram model, its second pass, or a seq2seq one",
    )
    parser.add_argument("--nbest", type=count, default=1, help="hypotheses per line, best first, separated by tabs")
    parser.add_argument("--beam_width", type=count, help="seq2seq: beam size (default: 10)")
    parser.add_argument(
        "--tone_cost", type=float, default=TONE_COST, help="n-gram: cost of a wrong tone in nats; inf trusts tones"
    )
    parser.add_argument(
        "--confusions",
        type=Path,
        metavar="FILE",
        help="report.json of evaluate.py on a development list: expect the errors of that recogniser",
    )
    parser.add_argument(
        "--hotwords",
        type=Path,
        metavar="FILE",
        help="phrases to prefer, one per line; translates with the n-gram model",
    )
    parser.add_argument(
        "--hotword", metavar="PHRASE", action="append", default=[], help="a phrase to prefer; repeatable"
    )
    parser.add_argument("--verbose", action="store_true", help="print hypotheses with log p(hanzi | pinyin)")
    return parser


def read_line(raw: bytes, number: int, translator: "NgramTranslator | Seq2SeqTranslator") -> list[str]:
    """Return the syllables of a line; report tokens that are not syllables on standard error."""
    line = raw.decode("utf-8-sig", errors="replace")
    try:
        return pinyin.parse(line)
    except UnitError:
        tokens = [syllable for token in line.split() for syllable in _read_token(token)]
    bad = [token for token in tokens if not translator.can_read(token)]
    if bad:
        shown = ", ".join(repr(token[:20]) for token in bad[:5]) + (", ..." if len(bad) > 5 else "")
        print(f"line {number}: not pinyin: {shown}; each is translated as {FALLBACK}", file=sys.stderr)
    return tokens


def _read_token(token: str) -> list[str]:
    try:
        return pinyin.parse(token)
    except UnitError:
        return [token]


def translate_lines(
    source: BinaryIO,
    translator: "NgramTranslator | Seq2SeqTranslator",
    nbest: int,
    verbose: bool,
    confusions: ErrorModel | None = None,
    hotwords: Phrases | None = None,
) -> None:
    """Translate `source` line by line to standard output, in order. Hotwords are for the n-gram model only."""
    reader = translator if isinstance(translator, NgramTranslator) else translator.of_networks
    pending: list[list[str]] = []
    done = 0

    def flush() -> None:
        nonlocal done
        if confusions:
            translated = reader.translate_networks(map(confusions.network, pending), nbest, hotwords)
        elif hotwords:
            translated = reader.translate_batch(pending, nbest, hotwords)
        else:
            translated = translator.translate_batch(pending, nbest)
        for syllables, translations in zip(pending, translated, strict=True):
            done += 1
            text = "\t".join(each.hanzi for each in translations)
            print(opennmt_block(done, syllables, translations) if verbose else text)
        pending.clear()
        sys.stdout.flush()

    at_once = 1 if source.isatty() else LINES_AT_ONCE
    for number, raw in enumerate(source, 1):
        pending.append(read_line(raw, number, translator))
        if len(pending) >= at_once:
            flush()
    flush()


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    args = parser().parse_args(argv)
    if not args.tone_cost >= 0:
        raise errors.UsageError(f"--tone_cost {args.tone_cost}: give 0 or more")
    translator = load_translator(args.model)
    if isinstance(translator, NgramTranslator):
        translator.tone_cost = None if math.isinf(args.tone_cost) else args.tone_cost
    elif args.beam_width:
        translator.beam = args.beam_width
    reader = translator if isinstance(translator, NgramTranslator) else translator.of_networks
    reader.log_probs = args.verbose
    confusions = ErrorModel.from_report(args.confusions) if args.confusions else None
    readings = collect_hotwords(args.hotwords, args.hotword)
    hotwords = Phrases(readings) if readings else None
    translate_lines(sys.stdin.buffer, translator, args.nbest, args.verbose, confusions, hotwords)


if __name__ == "__main__":
    raise SystemExit(main())
