"""Transcribe audio files, folders and lists: txt, json, srt, vtt or tsv to stdout or a file.

    ramospeech transcribe a.wav
    ramospeech transcribe --format srt --output talk.srt talk.mp3
    ramospeech transcribe --format tsv --output hyp.tsv --data_root data data_config/thchs_test.txt
    ramospeech transcribe --format all --output transcripts/ recordings/
    ramospeech transcribe --decoder beam --lm lm.arpa --length_bonus 3 --hotwords names.txt a.wav
    horovodrun -np 4 ramospeech transcribe --format tsv --output hyp.tsv LIST      four share the work

Exit status: 0 when every recording was transcribed, 3 when some were not (named on stderr, kept in the output
with an empty text and an error), 2 for wrong usage.
"""

import argparse
import io
import sys
from functools import partial

from ramospeech.cli import Parser, add_device, add_model, add_translator, number
from ramospeech.display import add_options
from ramospeech.errors import program
from ramospeech.output import DOUBTFUL, WRITERS
from ramospeech.pipeline import Transcriber
from ramospeech.programs import sharing
from ramospeech.programs.decoding import add_search_options, check_search_options, hotwords_of, make_decoder
from ramospeech.programs.job import Job
from ramospeech.speakers import speaker_names
from ramospeech.translate import Phrases

# Options that transcripts depend on.
CHOICES = (
    *("model", "translator", "decoder", "beam_width", "lm", "lm_weight", "length_bonus", "nbest"),
    *("length_penalty", "ctc_weight"),
    *("hotwords", "hotword", "hotwords_near", "min_confidence", "punctuation", "itn", "script", "vad", "speakers"),
    "precision",
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="*",
        help="an audio or video file (wav, flac, mp3, m4a, mp4 ...; any rate), a folder, or a list: a .txt, .tsv, .lst "
        "or .list file with the path first, alone or followed by a tab and more, or a wav.scp; after -- all are inputs",
    )
    group = parser.add_argument_group("models")
    add_model(group)
    add_translator(group)
    add_device(group)
    group.add_argument(
        "--precision",
        choices=("auto", "float32", "bf16", "fp16"),
        default="auto",
        help="of the acoustic model; half precision is for GPUs, and for CPUs with AMX, where auto takes bf16",
    )
    add_search_options(parser)
    add_options(parser, punctuation=False)
    group = parser.add_argument_group("input and output")
    group.add_argument(
        "--channels",
        choices=["mix", "split"],
        default="mix",
        help="mix: one transcript per recording, of the mean of its channels; split: one per channel",
    )
    group.add_argument(
        "--vad",
        action="store_true",
        help="leave out 1.5 s and more without a voice (WebRTC's detector), in recordings that are mostly silent",
    )
    group.add_argument(
        "--data_root", default="data", metavar="DIR", help="folder that the lists' paths are relative to"
    )
    group.add_argument(
        "--format",
        choices=[*WRITERS, "all"],
        default="txt",
        help="txt, json and tsv hold all recordings; srt, vtt, textgrid and html are one file per recording",
    )
    group.add_argument(
        "--output",
        default="-",
        metavar="PATH",
        help="a file, - for stdout, or a folder (needed for `all` and for one file per recording of several)",
    )
    group.add_argument(
        "--speakers",
        type=speaker_names,
        metavar="A,B|N",
        help="label who speaks: the names, in the order in which they begin, or how many (2 to 8); txt has paragraphs",
    )
    group.add_argument("--paragraphs", action="store_true", help="txt: paragraphs with times, doubtful words marked")
    group.add_argument("--words", action="store_true", help="json: the times of words too, by jieba")
    group.add_argument(
        "--doubtful",
        type=number(float, 0, 1),
        default=DOUBTFUL,
        metavar="X",
        help="html, --paragraphs: confidence below which a syllable, or its word, is marked; 0 marks none",
    )
    group.add_argument(
        "--attention_maps", metavar="DIR", help="with --decoder attention: pictures of where it looks, NAME.png"
    )
    group.add_argument("--verbose", action="store_true", help="on stderr: syllables, text and score of each recording")
    group.add_argument("--resume", action="store_true", help="continue a run that was stopped, with the same --output")
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    args = parser.parse_intermixed_args(argv[:end])
    args.inputs += argv[end + 1 :]
    if not args.inputs:
        parser.error("the following arguments are required: INPUT")
    check_search_options(args)
    return args


def transcriber_of(args: argparse.Namespace, device: str) -> Transcriber:
    """Return what transcribes as the options say. Raises ModelError, UsageError, ListError."""
    hotwords = hotwords_of(args)
    return Transcriber.from_pretrained(
        args.model,
        False if args.translator == "none" else args.translator,
        device=device,
        nbest=args.nbest,
        decoder=partial(make_decoder, args, hotwords),
        hotwords=Phrases(hotwords, args.hotwords_near) if hotwords else None,
        min_confidence=args.min_confidence,
        punctuation=args.punctuation and args.translator != "none",
        itn=args.itn,
        script=args.script,
        own_text=[args.lm] if args.lm and args.decoder == "greedy" else (),
        speakers=args.speakers or (),
        threads=args.threads,
        vad=args.vad,
        precision=args.precision,
        attention_maps=args.attention_maps,
    )


@program
def main(argv: list[str] | None = None) -> int:
    """Transcribe what the command line names."""
    args = parse(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the locale; names of files need not be Unicode
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return sharing.run(partial(_alone, args), sharing.Together(args, CHOICES, transcriber_of))


def _alone(args: argparse.Namespace) -> int:
    job, transcriber = Job(args, CHOICES), transcriber_of(args, args.device)
    return job.write(
        lambda sources, progress: transcriber.transcribe_batch(sources, args.batch_seconds, progress=progress)
    )
