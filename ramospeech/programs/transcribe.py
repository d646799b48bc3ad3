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
from collections.abc import Sequence
from functools import partial

from ctc_decode import BeamSearchDecoder, GreedyDecoder, Hotwords
from ramospeech.cli import Parser, count, few, number, positive
from ramospeech.display import add_options
from ramospeech.environment import cpu_threads
from ramospeech.errors import UsageError, program
from ramospeech.output import DOUBTFUL, WRITERS
from ramospeech.pipeline import Decoder, Transcriber
from ramospeech.programs import sharing
from ramospeech.programs.job import Job
from ramospeech.speakers import speaker_names
from ramospeech.text import HotwordReadings, collect_hotwords, in_characters
from ramospeech.translate import Phrases

# Options that transcripts depend on.
CHOICES = (
    *("model", "translator", "decoder", "beam_width", "lm", "lm_weight", "length_bonus", "nbest"),
    *("hotwords", "hotword", "hotwords_near", "min_confidence", "punctuation", "itn", "script", "vad", "speakers"),
    "precision",
)
MAX_TRANSLATED = 10  # hypotheses of a search with a language model that the translator chooses among


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
    group.add_argument(
        "--model",
        metavar="accurate|fast|FILE",
        default="accurate",
        help="acoustic model: a shipped one, or a file of train.py or of `ramospeech export` (.onnx)",
    )
    group.add_argument(
        "--translator",
        metavar="FILE",
        help="model of pinyin to hanzi (default: the shipped one); none: syllables only",
    )
    group.add_argument("--device", default="cpu", help="device of the acoustic model: cpu, cuda, cuda:1 ...")
    group.add_argument(
        "--precision",
        choices=("float32", "bf16", "fp16"),
        default="float32",
        help="of the acoustic model: half precision is for GPUs",
    )
    group.add_argument(
        "--threads", type=few, metavar="N", help="CPU threads (default: OMP_NUM_THREADS, or the cores, at most 4)"
    )
    group = parser.add_argument_group("search")
    group.add_argument("--decoder", choices=["greedy", "beam"], default="greedy", help="how posteriors become pinyin")
    group.add_argument("--beam_width", type=count, default=30, metavar="N", help="beam: prefixes kept per frame")
    group.add_argument(
        "--lm",
        metavar="FILE",
        help="text of your own, one sentence per line, whose words are preferred; beam: a syllable language model "
        "(ARPA; ramospeech lm makes one)",
    )
    group.add_argument(
        "--lm_weight", type=number(float), default=0.5, help="beam: weight of --lm (ramospeech tune finds it)"
    )
    group.add_argument(
        "--length_bonus",
        type=number(float),
        default=0.0,
        help="beam: added to the score per syllable (found with --lm_weight)",
    )
    group.add_argument("--hotwords", metavar="FILE", help="phrases to prefer, one per line, in hanzi or pinyin")
    group.add_argument(
        "--hotword", metavar="PHRASE", action="append", default=[], help="a phrase to prefer; repeatable"
    )
    group.add_argument(
        "--hotwords_near",
        type=number(float, 0, 1),
        default=0.0,
        metavar="X",
        help="0 to 1: factor of the boost where one syllable of a hotword is a near homophone (z, zh ...)",
    )
    group.add_argument(
        "--min_confidence",
        type=number(float, 0, 1),
        metavar="X",
        help="0 to 1: syllables with less confidence around them are left out as noise or music, with a warning; "
        "0 keeps all (default: of the model, 0.35)",
    )
    group.add_argument("--nbest", type=count, default=1, metavar="N", help="texts per recording (json)")
    group.add_argument(
        "--batch_seconds", type=positive, metavar="S", help="audio per batch (default: 8 on a CPU, 60 on a GPU)"
    )
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
    group.add_argument("--verbose", action="store_true", help="on stderr: syllables, text and score of each recording")
    group.add_argument("--resume", action="store_true", help="continue a run that was stopped, with the same --output")
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    args = parser.parse_intermixed_args(argv[:end])
    args.inputs += argv[end + 1 :]
    if not args.inputs:
        parser.error("the following arguments are required: INPUT")
    if args.translator == "none" and args.decoder == "greedy" and (args.hotwords or args.hotword):
        raise UsageError("--hotwords need a translator or the beam search; add --decoder beam")
    return args


def hotwords_of(args: argparse.Namespace) -> HotwordReadings:
    """Return the phrases of --hotwords and --hotword. Raises ListError, UsageError: one without a pronunciation."""
    return collect_hotwords(args.hotwords, args.hotword)


def make_decoder(args: argparse.Namespace, hotwords: HotwordReadings, units: Sequence[str]) -> Decoder:
    """Return the decoder of the options for a model's units. Raises UsageError, ListError: a file that cannot be
    used."""
    writes_characters = not any(unit[-1:] in {"1", "2", "3", "4"} for unit in units)  # no syllable with its tone
    if args.decoder == "greedy":
        if writes_characters and hotwords:
            raise UsageError(f"{args.model}: writes characters itself; hotwords need the beam search: --decoder beam")
        return GreedyDecoder(units)
    phrases = in_characters(hotwords) if writes_characters else hotwords
    try:
        return BeamSearchDecoder(
            units,
            beam_width=args.beam_width,
            nbest=min(args.beam_width, MAX_TRANSLATED),
            lm=args.lm,
            lm_weight=args.lm_weight,
            length_bonus=args.length_bonus,
            hotwords=Hotwords(phrases, near=args.hotwords_near) if phrases else None,
            num_threads=cpu_threads(args.threads),
        )
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error


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
