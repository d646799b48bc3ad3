"""Prepare a corpus: `ramospeech prepare aishell --root data --download`, then train on it.

Reads the corpus as its publisher lays it out, checks every recording, and writes into --config_path:
NAME_train.txt, NAME_dev.txt, NAME_test.txt (the lists of `train.py --data_type NAME`), NAME_report.txt (what was
found, dropped and kept) and NAME_dropped.tsv (every clip that was dropped, and why).

Paths in the lists are relative to --data_root, which must be the --data_root of train.py; recordings outside of
it are listed by their absolute path. An archive that you have put into --root yourself is unpacked, not fetched.

`ramospeech prepare merge LIST... --output LIST` joins lists, `prepare pack LIST... --output DIR` packs clips into tars
for training from a few large files, on disk or at an address, `prepare submission HYP.tsv --output FILE` makes an
`id,label` CSV of transcripts; each has a --help of its own.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ramospeech import errors
from ramospeech.cli import Parser, count
from ramospeech.corpora.catalogue import CORPORA
from ramospeech.corpora.check import Limits
from ramospeech.corpora.download import download_and_unpack, unpack_found
from ramospeech.corpora.lists import canonical
from ramospeech.corpora.merging import main as merge
from ramospeech.corpora.noise import describe
from ramospeech.corpora.packing import main as pack
from ramospeech.corpora.prepare import write_lists
from ramospeech.corpora.recordings import Recording, hold_out_dev
from ramospeech.corpora.submission import main as submission
from ramospeech.text import Vocabulary, hanzi
from ramospeech.text.units import UNITS

_OTHERS = {"merge": merge, "pack": pack, "submission": submission}


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=__doc__, renamed={"--dev_share": "--dev_fraction", "--test_share": "--test_fraction"})
    titles = "; ".join(f"{name}: {corpus.title}" for name, corpus in CORPORA.items())
    parser.add_argument("corpus", type=_corpus, choices=CORPORA, metavar="NAME", help=titles)
    where = parser.add_argument_group("where")
    where.add_argument(
        "--root", "--target_dir", type=Path, default=Path("data"), help="the folder with the corpus in it"
    )
    where.add_argument("--download", action="store_true", help="fetch what is not there from its publisher or OpenSLR")
    where.add_argument(
        "--parts",
        nargs="+",
        metavar="PART",
        default=[],
        help="some only: archives to fetch, WenetSpeech's L, M or S",
    )
    where.add_argument(
        "--sample_rate", type=count, default=16000, help="of samples without a header (AN4, KsponSpeech), in Hz"
    )
    where.add_argument("--config_path", type=Path, default=Path("data_config"), help="the folder of the lists")
    where.add_argument(
        "--data_root", type=Path, default=Path("data"), help="folder that the lists' paths are relative to"
    )
    own = parser.add_argument_group("corpora without a split")
    own.add_argument("--name", help="for `folder`: name of the lists (default: of the folder)")
    own.add_argument("--dev_fraction", type=_fraction, default=0.05, help="fraction of the speakers for the dev list")
    own.add_argument("--test_fraction", type=_fraction, default=0.05, help="fraction of the speakers for the test list")
    check = parser.add_argument_group("check")
    check.add_argument("--max_window", type=count, default=1600, help="longest clip in frames of 10 ms")
    check.add_argument("--reduction", type=count, default=8, help="input frames per output frame of the model")
    check.add_argument(
        "--units", choices=UNITS, help="units of the labels (default: pinyin, of texts without hanzi characters)"
    )
    check.add_argument(
        "--vocabulary", type=Path, help="file of the model's units (default: the inventory, or what occurs)"
    )
    check.add_argument("--drop_unknown", action="store_true", help="drop clips with a syllable that is not a unit")
    check.add_argument("--read_audio", action="store_true", help="decode every recording, not only its header")
    check.add_argument("--threads", type=count, help="recordings read in parallel (default: two per core, at most 8)")
    return parser


def _corpus(text: str) -> str:
    """Return the name of a corpus as the catalogue has it: `st-cmds` is `stcmds`."""
    return next((name for name in CORPORA if canonical(name) == canonical(text)), text)


def _fraction(text: str) -> float:
    fraction = float(text)
    if not 0 <= fraction < 0.5:
        raise argparse.ArgumentTypeError(f"{text} is not a fraction from 0 to below 0.5")
    return fraction


def _name(args: argparse.Namespace) -> str:
    """Return the name of the lists, which becomes a value of --data_type."""
    if args.corpus != "folder":
        if args.name:
            raise errors.UsageError(f"--name is for `folder`; the lists of {args.corpus} are called {args.corpus}")
        return args.corpus
    name = args.name or args.root.resolve().name.split(".")[0]
    if not re.fullmatch(r"[\w-]+", name) or name == "all":
        raise errors.UsageError(f"{name!r} cannot name lists; give letters, digits, _ and - with --name")
    return name


@errors.program
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; prints the report."""
    if argv is None:
        argv = sys.argv[1:]
    if argv and argv[0] in _OTHERS:
        return _OTHERS[argv[0]](argv[1:])
    args = parser().parse_args(argv)
    corpus, name = CORPORA[args.corpus], _name(args)
    vocabulary = Vocabulary.load(args.vocabulary) if args.vocabulary else Vocabulary.inventory()
    if unknown := [part for part in args.parts if part not in corpus.all_parts]:
        known = ", ".join(corpus.all_parts) or "none: leave the option out"
        raise errors.UsageError(f"--parts {unknown[0]}: {args.corpus} has the parts {known}")
    if args.download:
        if not corpus.archives:
            raise errors.UsageError(f"there is nothing to download for {args.corpus}; leave --download out")
        download_and_unpack(corpus.chosen(args.parts), args.root)
    if corpus.noise:
        unpack_found(corpus.archives, args.root)
        print(describe(corpus.prepare(args.root)))
        return 0
    recordings = corpus.recordings(args.root, args.parts, args.sample_rate)
    notes: tuple[str, ...] = ()
    if corpus.holds_dev:
        recordings, note = hold_out_dev(recordings, args.dev_fraction)
        notes = (note,) if note else ()
    report = write_lists(
        name,
        recordings,
        args.config_path,
        args.data_root,
        Limits(
            max_frames=args.max_window,
            reduction=args.reduction,
            vocabulary=vocabulary,
            units=UNITS[args.units or _units_of(recordings)],
            drop_unknown=args.drop_unknown,
            durations="audio" if args.read_audio else "header",
        ),
        (args.dev_fraction, args.test_fraction),
        args.threads or min(8, 2 * (os.cpu_count() or 1)),
        notes,
    )
    print(report)
    print(report.counts())
    print(f"lists, report and dropped clips: {args.config_path / name}_*")
    return 0


def _units_of(recordings: Sequence[Recording]) -> str:
    """Return the kind of units that fits the texts: syllables of hanzi, else characters."""
    texts = [recording.text for recording in recordings if recording.text]
    with_hanzi = sum(any(map(hanzi.is_hanzi, text)) for text in texts)
    return "pinyin" if 10 * with_hanzi >= len(texts) else "characters"


if __name__ == "__main__":
    raise SystemExit(main())
