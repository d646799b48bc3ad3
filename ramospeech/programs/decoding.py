"""The options of transcribing that say how texts are searched, and the decoder that they ask for."""

import argparse
import json
from collections.abc import Mapping, Sequence

from safetensors import SafetensorError, safe_open

from ctc_decode import BeamSearchDecoder, GreedyDecoder, Hotwords
from ramospeech.cli import add_hotwords, count, number, positive
from ramospeech.environment import cpu_threads
from ramospeech.errors import UsageError, torch_for
from ramospeech.files import model_path
from ramospeech.recogniser import AttentionDecoding, Decoder
from ramospeech.text import HotwordReadings, collect_hotwords, in_characters, in_parts
from ramospeech.text.units import UNITS

DECODERS = ("greedy", "beam", "attention", "rescoring")
BEAM_WIDTH, ATTENTION_BEAM_WIDTH = 30, 10
MAX_TRANSLATED = 10  # hypotheses of a search with a language model that the translator chooses among
NEURAL = ".safetensors"  # the end of the name of a neural language model


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add the group of options."""
    group = parser.add_argument_group("search")
    group.add_argument(
        "--decoder",
        choices=DECODERS,
        help="greedy, beam: by the CTC head; attention: by the attention head, with the CTC head in the same search; "
        "rescoring: the hypotheses of beam, ranked anew by the attention head (default: greedy; attention for a model "
        "without a CTC head)",
    )
    group.add_argument(
        "--beam_width",
        type=count,
        metavar="N",
        help="hypotheses that are kept, per frame or unit (default: 30; attention: 10)",
    )
    group.add_argument(
        "--lm",
        metavar="FILE",
        help="text of your own, one sentence per line, whose words are preferred; other decoders than greedy: a "
        "language model of the units (ARPA, of ramospeech lm; or .safetensors, of ramospeech train_neural_lm)",
    )
    group.add_argument(
        "--lm_weight", type=number(float), default=0.5, help="not greedy: weight of --lm (ramospeech tune finds it)"
    )
    group.add_argument(
        "--length_bonus",
        type=number(float),
        default=0.0,
        help="not greedy: added to the score per unit (found with --lm_weight)",
    )
    group.add_argument(
        "--length_penalty",
        type=number(float, 0),
        metavar="X",
        help="attention: scores are divided by ((5 + units) / 6) ** X, for longer texts (default: 0)",
    )
    group.add_argument(
        "--ctc_weight",
        type=number(float, 0, 1),
        metavar="X",
        help="attention, rescoring: 0 to 1, of the CTC head against the attention head (default: 0.3)",
    )
    add_hotwords(group)
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
        "--batch_seconds",
        type=positive,
        metavar="S",
        help="audio per batch (default: 8 on a CPU, 12 on one that multiplies tiles of bfloat16, 60 on a GPU)",
    )


def check_search_options(args: argparse.Namespace) -> None:
    """Choose the decoder and its beam where none was asked for. Raises UsageError for options that do not go
    together."""
    if args.decoder is None:
        args.decoder = "greedy" if "ctc" in heads_of(args.model) else "attention"
    if args.lm and args.decoder == "greedy" and args.lm.endswith(NEURAL):
        raise UsageError(f"--lm {args.lm}: a language model of units, which greedy has no use for; add --decoder beam")
    if args.ctc_weight is not None and args.decoder in ("greedy", "beam"):
        raise UsageError("--ctc_weight belongs to an attention head; add --decoder attention or rescoring")
    if args.length_penalty is not None and args.decoder != "attention":
        raise UsageError("--length_penalty needs --decoder attention; the others have --length_bonus")
    if args.beam_width is None:
        args.beam_width = ATTENTION_BEAM_WIDTH if args.decoder == "attention" else BEAM_WIDTH
    if args.translator == "none" and args.decoder == "greedy" and (args.hotwords or args.hotword):
        raise UsageError("--hotwords need a translator or the beam search; add --decoder beam")


def heads_of(model: str) -> Sequence[str]:
    """Return the heads of a model file by its description; CTC where that cannot be read, which loading will tell."""
    try:
        with safe_open(model_path(model), framework="np") as file:
            return list(json.loads(file.metadata()["ramospeech"])["config"].get("heads", ["ctc"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return ["ctc"]


def hotwords_of(args: argparse.Namespace) -> HotwordReadings:
    """Return the phrases of --hotwords and --hotword. Raises ListError, UsageError: one without a pronunciation."""
    return collect_hotwords(args.hotwords, args.hotword)


def make_decoder(
    args: argparse.Namespace, hotwords: HotwordReadings, units: Sequence[str]
) -> Decoder | AttentionDecoding:
    """Return the decoder of the options for a model's units. Raises UsageError, ListError: a file that cannot be
    used."""
    writes_characters = not any(unit[-1:] in {"1", "2", "3", "4"} for unit in units)  # no syllable with its tone
    if args.decoder == "greedy":
        if writes_characters and hotwords:
            raise UsageError(f"{args.model}: writes characters itself; hotwords need the beam search: --decoder beam")
        return GreedyDecoder(units)
    found: Mapping[str, float] = in_characters(hotwords) if writes_characters else hotwords
    parts = UNITS["initials_finals"].inventory()
    if hotwords and parts and not parts.unknown(units[1:]):
        found = in_parts(hotwords)
    phrases = Hotwords(found, near=args.hotwords_near) if found else None
    if args.decoder == "attention":
        return AttentionDecoding(
            args.beam_width,
            min(args.beam_width, MAX_TRANSLATED),
            args.ctc_weight,
            args.lm,
            args.lm_weight,
            args.length_bonus,
            args.length_penalty or 0.0,
            phrases,
        )
    neural = bool(args.lm) and args.lm.endswith(NEURAL)
    try:
        search = BeamSearchDecoder(
            units,
            beam_width=args.beam_width,
            nbest=args.beam_width if neural else min(args.beam_width, MAX_TRANSLATED),
            lm=None if neural else args.lm,
            lm_weight=args.lm_weight,
            length_bonus=args.length_bonus,
            hotwords=phrases,
            num_threads=cpu_threads(args.threads),
        )
        beam = _with_neural(search, args.lm, args.lm_weight) if neural else search
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    if args.decoder == "beam":
        return beam
    return AttentionDecoding(nbest=MAX_TRANSLATED, ctc_weight=args.ctc_weight, rescored=beam)


def _with_neural(beam: BeamSearchDecoder, path: str, weight: float) -> Decoder:
    with torch_for(f"{path}: a neural language model"):
        from ramospeech.lm.nbest import NeuralRescoringDecoder
        from ramospeech.lm.neural import load_neural_lm
    return NeuralRescoringDecoder(beam, load_neural_lm(path), weight)
