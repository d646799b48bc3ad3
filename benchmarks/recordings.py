"""The whole road on recordings: what the search, the language model and the translator each change.

    python benchmarks/recordings.py --model FILE --data_root DIR [--lm lm.arpa --lm_weight W --length_bonus B] LIST...

Each recording is heard once; then its posteriors are decoded greedily, by beam search, and by beam search with the
language model, and the syllables translated: by the n-gram translator, by the seq2seq one, by the seq2seq one on 10
hypotheses together with their scores, and on their confusion network. Give development lists; weights are to be found
on them as well (python -m ramospeech.tune). Writes its section of docs/benchmarks.md.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench_training import machine
from table import write_section

from ctc_decode import BeamSearchDecoder, ConfusionNetwork, GreedyDecoder, Hypothesis
from ramospeech import errors
from ramospeech.corpora import read_list
from ramospeech.model import load_model
from ramospeech.score import Score, cer, ser
from ramospeech.translate import NgramTranslator, Seq2SeqTranslator, load_translator, translate_nbest
from ramospeech.tune import listen

NBEST = 10
Decoded = list[list[list[Hypothesis]]]  # of each recording its pieces, of each piece its hypotheses


def shown(score: Score) -> str:
    low, high = score.interval()
    return f"{100 * score.rate:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def decode(decoder: GreedyDecoder | BeamSearchDecoder, pieces: Sequence[Sequence[np.ndarray]]) -> Decoded:
    """The hypotheses of every piece (T', V) of every recording."""
    return [[decoder.decode(piece[None], np.array([len(piece)]))[0] for piece in parts] for parts in pieces]


def texts(decoded: Decoded, translate: Callable[[list[Hypothesis]], str]) -> list[str]:
    """The text of each recording."""
    return ["".join(translate(hypotheses) for hypotheses in parts) for parts in decoded]


def rows(
    name: str,
    decoded: Decoded,
    pinyin: Sequence[Sequence[str]],
    hanzi: Sequence[str],
    ngram: NgramTranslator,
    best: NgramTranslator | Seq2SeqTranslator,
) -> list[str]:
    """A row of the table for each way from hypotheses to text."""
    syllables = [[token for hypotheses in parts for token in hypotheses[0].tokens] for parts in decoded]
    ways: dict[str, Callable[[list[Hypothesis]], str]] = {"n-gram": lambda h: ngram.translate(h[0].tokens)[0].hanzi}
    if isinstance(best, Seq2SeqTranslator):
        ways["seq2seq"] = lambda h: best.translate(h[0].tokens)[0].hanzi
        if any(len(hypotheses) > 1 for parts in decoded for hypotheses in parts):
            ways[f"seq2seq, {NBEST} best"] = lambda h: translate_nbest(best, h)[0][1].hanzi
            ways["seq2seq, network"] = lambda h: best.translate_network(ConfusionNetwork.from_nbest(h))[0].hanzi
    rate = shown(ser(pinyin, syllables))
    return [
        f"| {name} | {rate} | {way} | {shown(cer(hanzi, texts(decoded, translate)))} |"
        for way, translate in ways.items()
    ]


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("lists", nargs="*", type=Path, metavar="LIST", help="of development recordings")
    parser.add_argument("--model", type=Path, help="acoustic model")
    parser.add_argument("--data_root", type=Path, default=Path("data"))
    parser.add_argument("--lm", type=Path, help="syllable language model")
    parser.add_argument("--lm_weight", type=float, default=0.5)
    parser.add_argument("--length_bonus", type=float, default=0.0)
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
    translators = NgramTranslator.load(), load_translator()
    parts = ["## The whole road", f"{head}. SER with tones and CER, %, with 95 % intervals."]
    for path in arguments.lists:
        clips = read_list(path)
        heard = listen(model, clips, arguments.data_root)
        if len(heard.references) != len(clips):
            raise errors.ListError(f"{path}: {len(clips) - len(heard.references)} recordings cannot be read")
        pieces: list[list[np.ndarray]] = [[] for _ in clips]
        for clip, piece in zip(heard.clips, heard.pieces, strict=True):
            pieces[clip].append(piece)
        table = [
            f"### {path.stem} ({len(clips)} recordings)",
            "",
            "| decoder | SER | translator | CER |",
            "|---|---|---|---|",
        ]
        for name, decoder in decoders.items():
            pinyin, hanzi = [clip.pinyin for clip in clips], [clip.hanzi for clip in clips]
            table += rows(name, decode(decoder, pieces), pinyin, hanzi, *translators)
        parts.append("\n".join(table))
        print(parts[-1], flush=True)
    write_section("recordings", "\n\n".join(parts))


if __name__ == "__main__":
    raise SystemExit(main())
