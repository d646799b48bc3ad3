"""The whole pipeline on recordings: what the search, the language model and the translator each change.

    python benchmarks/recordings.py --model FILE --data_root DIR [--lm lm.arpa --lm_weight W --length_bonus B]
        [--confusions report.json] LIST...

The posteriors of each recording are computed once and decoded greedily, by beam search, and by beam search with the
language model, and the syllables translated: by the n-gram model alone and with a second pass, by both on 10 hypotheses
together with their scores, by the n-gram model with the recogniser's errors elsewhere (a report of evaluate.py on
recordings of other people), and by either on the network of the posteriors around the best hypothesis, which with the
second pass is what speech2text.py does. Give development lists; weights are to be found on them as well (python -m
ramospeech.tune). Writes its section of docs/benchmarks.md.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench_training import machine
from table import shown, write_section

from ctc_decode import BeamSearchDecoder, ConfusionNetwork, GreedyDecoder, Hypothesis
from ramospeech import errors
from ramospeech.corpora import Clip, read_list
from ramospeech.lm.posteriors import listen
from ramospeech.model import load_model
from ramospeech.score import cer, ser
from ramospeech.translate import (
    ErrorModel,
    NgramTranslator,
    Translation,
    Translator,
    load_translator,
    translate_nbest,
)

NBEST = 10
Decoded = list[list[list[Hypothesis]]]  # of each recording its pieces, of each piece its hypotheses


def decode(decoder: GreedyDecoder | BeamSearchDecoder, pieces: Sequence[Sequence[np.ndarray]]) -> Decoded:
    """The hypotheses of every piece (T', V) of every recording."""
    return [[decoder.decode(piece[None], np.array([len(piece)]))[0] for piece in parts] for parts in pieces]


def rows(
    name: str,
    decoder: GreedyDecoder | BeamSearchDecoder,
    pieces: Sequence[Sequence[np.ndarray]],
    units: Sequence[str],
    clips: Sequence[Clip],
    ngram: NgramTranslator,
    best: Translator,
    confusions: ErrorModel | None,
) -> list[str]:
    """A row of the table for each method from hypotheses to text."""
    decoded = decode(decoder, pieces)
    flat = [hypotheses for parts in decoded for hypotheses in parts]
    posteriors = [piece for parts in pieces for piece in parts]
    around = [ConfusionNetwork.from_posteriors(p, h[0], units) for p, h in zip(posteriors, flat, strict=True)]
    if isinstance(decoder, BeamSearchDecoder):
        around = [decoder.weigh(network, h[0]) for network, h in zip(around, flat, strict=True)]
    first = [hypotheses[0].tokens for hypotheses in flat]
    translations: dict[str, Iterable[Sequence[Translation]]] = {
        "n-gram": ngram.translate_batch(first),
        "n-gram, posteriors": ngram.translate_networks(around),
        "n-gram and second pass": best.translate_batch(first),
        "n-gram and second pass, posteriors (default)": best.translate_networks(around),
    }
    if confusions:
        translations["n-gram, errors made elsewhere"] = ngram.translate_networks(map(confusions.network, first))
    if any(len(hypotheses) > 1 for hypotheses in flat):
        several = ([pair[1] for pair in translate_nbest(best, found)] for found in flat)
        translations[f"n-gram and second pass, {NBEST} best"] = several
    table = []
    for kind, translated in translations.items():
        texts = iter(translated)
        joined = [[next(texts)[0] for _ in parts] for parts in decoded]
        hanzi = ["".join(text.hanzi for text in parts) for parts in joined]
        pinyin = [[syllable for text in parts for syllable in text.syllables] for parts in joined]
        table.append(
            f"| {name} | {kind} | {shown(ser([clip.pinyin for clip in clips], pinyin))} | "
            f"{shown(cer([clip.hanzi for clip in clips], hanzi))} |"
        )
    return table


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("lists", nargs="*", type=Path, metavar="LIST", help="of development recordings")
    parser.add_argument("--model", type=Path, help="acoustic model")
    parser.add_argument("--data_root", type=Path, default=Path("data"))
    parser.add_argument("--lm", type=Path, help="syllable language model")
    parser.add_argument("--lm_weight", type=float, default=0.5)
    parser.add_argument("--length_bonus", type=float, default=0.0)
    parser.add_argument("--confusions", type=Path, help="report.json of evaluate.py, on other recordings")
    parser.add_argument("--beam_width", type=int, default=30)
    arguments = parser.parse_args()
    if not arguments.lists or not arguments.model:
        print("recordings: skipped, as it needs lists of recordings and --model", file=sys.stderr)
        return
    model = load_model(arguments.model)
    units = model.vocabulary.units
    decoders: dict[str, GreedyDecoder | BeamSearchDecoder] = {
        "greedy": GreedyDecoder(units),
        "beam": BeamSearchDecoder(units, beam_width=arguments.beam_width, nbest=NBEST),
    }
    head = f"`python benchmarks/recordings.py`, {date.today().isoformat()}, {machine()}. Beam {arguments.beam_width}"
    if arguments.lm:
        weights = {"lm_weight": arguments.lm_weight, "length_bonus": arguments.length_bonus}
        decoders["beam, language model"] = BeamSearchDecoder(
            units, beam_width=arguments.beam_width, nbest=NBEST, lm=arguments.lm, **weights
        )
        head += f"; language model with weight {arguments.lm_weight:g}, length bonus {arguments.length_bonus:g}"
    confusions = ErrorModel.from_report(arguments.confusions) if arguments.confusions else None
    translating = NgramTranslator.load(), load_translator(), confusions
    parts = ["## The whole pipeline on recordings", f"{head}. SER with tones and CER, %, with 95 % intervals."]
    for path in arguments.lists:
        clips = read_list(path)
        result = listen(model, clips, arguments.data_root)
        if len(result.references) != len(clips):
            raise errors.ListError(f"{path}: {len(clips) - len(result.references)} recordings cannot be read")
        pieces: list[list[np.ndarray]] = [[] for _ in clips]
        for clip, piece in zip(result.clips, result.pieces, strict=True):
            pieces[clip].append(piece)
        table = [
            f"### {path.stem} ({len(clips)} recordings)",
            "",
            "| decoder | translator | SER | CER |",
            "|---|---|---|---|",
        ]
        for name, decoder in decoders.items():
            table += rows(name, decoder, pieces, units, clips, *translating)
        parts.append("\n".join(table))
        print(parts[-1], flush=True)
    write_section("recordings", "\n\n".join(parts))


if __name__ == "__main__":
    raise SystemExit(main())
