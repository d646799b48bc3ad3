"""Lists of recordings that have no texts: what a model recognises in them, where it is sure.

    ramospeech pseudo-label recordings/ --output data_config/pseudo_train.txt
    ramospeech train --data_type mine,pseudo --corpus_weights pseudo=0.5 --init_from fast

A recording is kept where the mean confidence of its syllables is high enough, nothing in it was taken as noise or
music, and it is short enough to train on. LIST.left_out.tsv, beside the list, names the others with the reason.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from ramospeech.cli import Parser, add_device, add_model, number, positive
from ramospeech.corpora.lists import Utterance, write_list, write_text
from ramospeech.errors import UsageError, program
from ramospeech.inputs import find_inputs
from ramospeech.pipeline import Transcriber
from ramospeech.programs.progress import Progress
from ramospeech.transcript import Transcript


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(description=__doc__)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="recordings, folders of them, or lists")
    parser.add_argument("--output", required=True, metavar="LIST", help="the list to write, NAME_train.txt")
    add_model(parser)
    parser.add_argument(
        "--data_root", default="data", metavar="DIR", help="folder that the paths of the lists are relative to"
    )
    parser.add_argument(
        "--min_confidence",
        type=number(float, 0, 1),
        default=0.85,
        metavar="X",
        help="0 to 1: recordings whose syllables have a lower mean confidence are left out",
    )
    parser.add_argument("--max_seconds", type=positive, default=20.0, metavar="S", help="longer ones are left out")
    add_device(parser)
    return parser.parse_args(argv)


def reason_against(transcript: Transcript, min_confidence: float, max_seconds: float) -> str | None:
    """Return why a transcript cannot be trained on, or None where it can."""
    if transcript.error:
        return "cannot be read"
    if not transcript.tokens:
        return "no speech found"
    if transcript.no_speech:
        return "parts taken as noise or music"
    if transcript.seconds > max_seconds:
        return "too long"
    return "not confident" if confidence_of(transcript) < min_confidence else None


def confidence_of(transcript: Transcript) -> float:
    """Return the mean confidence of the syllables; 0 without any."""
    known = [token.confidence or 0.0 for token in transcript.tokens]
    return sum(known) / len(known) if known else 0.0


@program
def main(argv: list[str] | None = None) -> int:
    """Label what the command line names."""
    args = parse(argv)
    inputs = find_inputs(args.inputs, args.data_root)
    for line in inputs.left_out:
        print(f"error: {line}", file=sys.stderr)
    if not inputs.recordings:
        raise UsageError("no recording among the inputs")
    transcriber = Transcriber.from_pretrained(args.model, device=args.device, threads=args.threads)
    paths = [path for _, path in inputs.recordings]
    kept: list[Utterance] = []
    rows = ["path\treason\tconfidence\tpinyin\terror\n"]
    reasons: Counter[str] = Counter()
    with Progress(len(paths)) as progress:
        progress.expect(paths)
        transcripts = transcriber.transcribe_batch(paths, progress=progress.audio)
        for path, transcript in zip(paths, transcripts, strict=True):
            name = _relative(path, Path(args.data_root))
            reason = reason_against(transcript, args.min_confidence, args.max_seconds)
            if reason is None:
                kept.append(Utterance(name, transcript.pinyin, transcript.text, transcript.seconds))
            else:
                reasons[reason] += 1
                error = (transcript.error or "").replace("\n", " ")
                pinyin = " ".join(transcript.pinyin)
                rows.append(f"{name}\t{reason}\t{confidence_of(transcript):.3f}\t{pinyin}\t{error}\n")
            progress.recording()
    write_list(args.output, kept)
    write_text(f"{args.output}.left_out.tsv", "".join(rows))
    why = ", ".join(f"{times} {reason}" for reason, times in reasons.most_common())
    left_out = f"; left out: {why} ({args.output}.left_out.tsv)" if why else ""
    hours = sum(utterance.seconds or 0.0 for utterance in kept) / 3600
    print(f"{args.output}: {len(kept)} of {len(paths)} recordings, {hours:.2f} h{left_out}", file=sys.stderr)
    return 3 if inputs.left_out else 0


def _relative(path: Path, root: Path) -> str:
    """Return the path from the data root, or the whole path of a recording elsewhere."""
    whole = path.resolve()
    return str(whole.relative_to(root.resolve())) if whole.is_relative_to(root.resolve()) else str(whole)


if __name__ == "__main__":
    raise SystemExit(main())
