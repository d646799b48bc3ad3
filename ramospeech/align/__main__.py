"""Align recordings with their texts: the times of each character, as TextGrid, json or srt, or as clips to train on.

    ramospeech align talk.mp3 talk.txt > talk.TextGrid
    ramospeech align --format srt --output talk.srt talk.mp3 talk.txt
    ramospeech align --format all --output aligned/ recordings/
    ramospeech align --cut mycorpus recordings/
    python train.py --data_type mycorpus --config_path mycorpus --data_root mycorpus --recipe finetune

A text is a .txt (best with one sentence per line), an .srt or a .TextGrid; it follows its recording, or is beside it
under the same name. Times in a text are not used. Text that is not in the audio, and speech that is not in the text,
are named with line, characters and seconds. Times are found in steps of the model's frames: 40 ms with `accurate`.

Exit status: 0 when every recording was aligned, 3 when some were not (named on stderr), 2 for wrong usage.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from ramospeech.align import FORMATS, SUFFIXES, Aligner, Alignment, Corpus, read_lines
from ramospeech.audio import find_recordings
from ramospeech.cli import Parser, add_device, add_model, number
from ramospeech.errors import AudioError, ListError, RamospeechError, UsageError, program
from ramospeech.onnx_model import OnnxModel
from ramospeech.output import output_file
from ramospeech.pipeline import Transcriber

_NAMED = 30  # misfits of a recording that are named; json and the table of --cut have all


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="a recording, followed by its text or with the text beside it; or a folder of both",
    )
    group = parser.add_argument_group("model")
    add_model(group, "a file of train.py")
    add_device(group)
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=[*FORMATS, "all"], default="textgrid", help="format of the alignment")
    group.add_argument(
        "--output",
        metavar="PATH",
        help="a file, - for stdout, or a folder (needed for `all` and for several recordings); "
        "default: stdout, or nothing with --cut",
    )
    group = parser.add_argument_group("a corpus")
    group.add_argument(
        "--cut", type=Path, metavar="DIR", help="write clips, NAME_train.txt, NAME_dev.txt and NAME_left_out.tsv there"
    )
    group.add_argument("--name", help="name of the lists (default: of the folder)")
    group.add_argument("--min_seconds", type=number(float, 0.1), default=0.5, help="shortest clip")
    group.add_argument("--max_seconds", type=number(float, 1, 60), default=15.0, help="longest clip")
    return parser.parse_args(argv)


def find_pairs(inputs: Sequence[str]) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Return (recording, text) of all inputs, and a line for each recording that has no text.

    Raises UsageError for a text without a recording before it, and where there is nothing to align.
    """
    texts = {suffix.lower() for suffix in SUFFIXES}
    pairs: list[tuple[Path, Path]] = []
    left_out: list[str] = []
    recordings: list[tuple[Path, Path | None]] = []
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            inside = find_recordings(path)
            recordings += [(recording, None) for recording in inside.recordings]
            left_out += inside.left_out
            if not inside.recordings:
                left_out.append(f"{name}: no audio in this folder")
        elif path.suffix.lower() in texts:
            if not recordings or recordings[-1][1]:
                raise UsageError(f"{name}: a text needs its recording before it: AUDIO TEXT")
            recordings[-1] = recordings[-1][0], path
        else:
            recordings.append((path, None))
    for recording, text in recordings:
        beside = [recording.with_suffix(suffix) for suffix in SUFFIXES]
        text_path = text or next((path for path in beside if path.is_file()), None)
        if text_path:
            pairs.append((recording, text_path))
        else:
            left_out.append(f"{recording}: no text beside it ({', '.join(path.name for path in beside)})")
    if not pairs:
        raise UsageError("; ".join(left_out))
    return pairs, left_out


def corpus_of(args: argparse.Namespace) -> Corpus | None:
    """Return where clips go. Raises UsageError for a name that lists cannot have."""
    if args.cut is None:
        return None
    name = args.name or args.cut.resolve().name
    if not re.fullmatch(r"[\w-]+", name) or name == "all":
        raise UsageError(f"{name!r} cannot name lists; give letters, digits, _ and - with --name")
    if args.min_seconds >= args.max_seconds:
        raise UsageError(f"--min_seconds {args.min_seconds} is not below --max_seconds {args.max_seconds}")
    return Corpus(args.cut, name, args.max_seconds, args.min_seconds)


class Results:
    """Where alignments go: stdout, a file or a folder. Raises UsageError where that cannot be."""

    def __init__(self, form: str, output: str, several: bool):
        self.forms = list(FORMATS) if form == "all" else [form]
        many = several or form == "all"
        self.folder = (
            Path(output) if output.endswith("/") or Path(output).is_dir() or (many and output != "-") else None
        )
        if many and (output == "-" or Path(output).is_file()):
            raise UsageError("several recordings or formats: one file each, so give a folder with --output DIR/")
        self.output = output

    def write(self, stem: str, alignment: Alignment) -> None:
        """Write an alignment in every format."""
        for form in self.forms:
            make, suffix = FORMATS[form]
            if self.folder is None and self.output == "-":
                print(make(alignment), end="", flush=True)
                continue
            with output_file(self.folder / f"{stem}{suffix}" if self.folder else Path(self.output)) as file:
                file.write(make(alignment))


def stems_of(paths: Sequence[Path]) -> list[str]:
    """Return a name for each recording: `a` of `x/a.wav`, `a-2` of `y/a.mp3`."""
    stems: list[str] = []
    for path in paths:
        stem, count = path.stem, 1
        while stem in stems:
            count += 1
            stem = f"{path.stem}-{count}"
        stems.append(stem)
    return stems


@program
def main(argv: Sequence[str] | None = None) -> int:
    """Align what the command line names."""
    args = parse(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    pairs, left_out = find_pairs(args.inputs)
    corpus = corpus_of(args)
    output = args.output if args.output is not None else "-"
    results = None if corpus and args.output is None else Results(args.format, output, len(pairs) > 1)
    for line in left_out:
        print(f"error: {line}", file=sys.stderr)
    transcriber = Transcriber.from_pretrained(args.model, translator=False, device=args.device, backend="torch")
    assert transcriber.device is not None and not isinstance(transcriber.model, OnnxModel)
    aligner = Aligner(transcriber.model, transcriber.device)
    failed = 0
    words = fitting = misfits = 0
    begin, seconds = time.monotonic(), 0.0
    with tqdm(unit=" s", leave=False, disable=not sys.stderr.isatty()) as bar:
        for stem, (recording, text) in zip(stems_of([pair[0] for pair in pairs]), pairs, strict=True):
            try:
                alignment = aligner.align(recording, read_lines(text), str(text), lambda more: bar.update(round(more)))
            except (AudioError, ListError) as error:
                failed += 1
                bar.write(f"error: {error}", sys.stderr)
                continue
            for line in notes_of(alignment, text):
                bar.write(f"warning: {line}", sys.stderr)
            words, fitting = words + len(alignment.words), fitting + alignment.fitting
            misfits, seconds = misfits + len(alignment.misfits), seconds + alignment.seconds
            if results:
                results.write(stem, alignment)
            if corpus:
                corpus.add(recording, stem, alignment)
    try:
        if corpus and failed < len(pairs):
            print(corpus.close(), file=sys.stderr)
    except RamospeechError as error:
        failed = len(pairs)
        print(f"error: {error}", file=sys.stderr)
    elapsed = max(time.monotonic() - begin, 1e-3)
    done = len(pairs) - failed
    print(
        f"{done} aligned, {failed + len(left_out)} failed: {fitting} of {words} characters have a time, in steps of "
        f"{1000 * transcriber.model.seconds_per_frame:.0f} ms; {misfits} places do not fit; "
        f"{seconds:.1f} s of audio in {elapsed:.1f} s ({seconds / elapsed:.1f} times real time)",
        file=sys.stderr,
    )
    return 3 if failed or left_out else 0


def notes_of(alignment: Alignment, text: Path) -> list[str]:
    """Return remarks on an alignment, one per line."""
    lines = list(alignment.warnings)
    for misfit in alignment.misfits[:_NAMED]:
        lines.append(f"{text if misfit.kind == 'text' else alignment.id}: {misfit}")
    if len(alignment.misfits) > _NAMED:
        lines.append(f"{text}: {len(alignment.misfits) - _NAMED} more places do not fit; --format json names all")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
