"""Tune the language model weight and the length bonus on dev recordings:

    ramospeech tune --model FILE --lm lm.arpa --ref data_config/thchs_dev.txt --output tune/

Posteriors are computed once per recording. Then a grid of both options is decoded in parallel, and the neighbourhood
of the best point again at half the distance, several times. Tune on development lists only: the best of many trials on
a test list says nothing about other recordings.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

from ctc_decode import Automaton, BeamSearchDecoder, GreedyDecoder, NgramModel
from ramospeech import errors
from ramospeech.cli import Parser, count, count_or_0, few
from ramospeech.corpora import Clip, read_list
from ramospeech.errors import extra
from ramospeech.files import whole_file
from ramospeech.lm.posteriors import Posteriors, fingerprint, listen, read_posteriors, write_posteriors
from ramospeech.model import AcousticModel, load_model
from ramospeech.model.pretrained import model_path

_WHAT_TO_DO = "choose another --output"

Point = tuple[float, float]  # weight of the language model, length bonus
Rates = dict[Point, float]


def grid(ends: Sequence[float], points: int) -> list[float]:
    """Evenly spaced values from the first of two numbers to the second."""
    return [round(float(x), 4) for x in np.linspace(ends[0], ends[1], points)]


def search(
    rates: Callable[[list[Point]], list[float]], weights: list[float], bonuses: list[float], rounds: int
) -> Rates:
    """Return all points tried, with their error rates.

    First the grid, and no language model at all; then `rounds` times the eight neighbours of the best point, at half
    the distance of the round before. Neighbours may lie outside of the grid, so that a best point on its edge is
    followed; weights stay 0 or more.
    """
    found: Rates = {}

    def attempt(points: Sequence[Point]) -> None:
        new = [point for point in dict.fromkeys(points) if point not in found]
        found.update(zip(new, rates(new), strict=True))

    attempt([(0.0, 0.0), *product(weights, bonuses)])
    steps = [(values[-1] - values[0]) / max(1, len(values) - 1) for values in (weights, bonuses)]
    for _ in range(rounds):
        steps = [step / 2 for step in steps]
        weight, bonus = best(found)
        attempt(
            [
                (max(0.0, round(weight + i * steps[0], 4)), round(bonus + j * steps[1], 4))
                for i, j in product((-1, 0, 1), repeat=2)
            ]
        )
    return found


def best(rates: Rates) -> Point:
    """Return the point of the lowest rate; of equal ones that of the smallest weight."""
    return min(rates, key=lambda point: (rates[point], point))


def table(rates: Rates, weights: list[float], bonuses: list[float]) -> str:
    """Return the grid as text, percent."""
    lines = ["SER %: weight of the language model down, length bonus across"]
    lines.append("        " + "".join(f"{bonus:8g}" for bonus in bonuses))
    for weight in weights:
        lines.append(f"{weight:8g}" + "".join(f"{100 * rates[weight, bonus]:8.2f}" for bonus in bonuses))
    return "\n".join(lines)


def draw(rates: Rates, path: Path) -> None:
    """Draw the error rate as a surface over both options, with the points tried and the best one."""
    with extra("report"):
        from matplotlib.figure import Figure

    weights, bonuses = zip(*rates, strict=True)
    percent = [100 * rate for rate in rates.values()]
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    surface = axes.tricontourf(weights, bonuses, percent, levels=24, cmap="viridis_r")
    axes.plot(weights, bonuses, "k.", markersize=3)
    point = best(rates)
    axes.plot(*point, "r*", markersize=14, label=f"best: {100 * rates[point]:.2f} % at {point[0]:g}, {point[1]:g}")
    axes.set(xlabel="lm_weight", ylabel="length_bonus", title="Syllable error rate on the dev list")
    axes.legend(loc="lower right")
    figure.colorbar(surface, label="SER %")
    with whole_file(path, "wb", errors.UsageError, _WHAT_TO_DO) as file:
        figure.savefig(file, format="png", dpi=120)


class _Built:
    """A language model whose automaton is built once for all the decoders."""

    def __init__(self, model: NgramModel, vocabulary: Sequence[str]) -> None:
        self._automaton = model.automaton(vocabulary)

    def automaton(self, vocabulary: Sequence[str]) -> Automaton:
        return self._automaton


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=__doc__)
    data = parser.add_argument_group("model and recordings")
    data.add_argument("--model", type=Path, required=True, help="acoustic model: accurate, fast, dfcnn or a file")
    data.add_argument("--lm", type=Path, required=True, help="the language model, ARPA")
    data.add_argument("--ref", type=Path, required=True, metavar="LIST", help="a list of dev recordings")
    data.add_argument("--data_root", type=Path, default=Path("data"), help="folder of the list's paths")
    data.add_argument(
        "--posteriors",
        type=Path,
        metavar="FILE",
        help="keep the posteriors in this file (.npz, 0.8 GB per hour of audio), and read them from it the next time",
    )
    data.add_argument("--output", type=Path, metavar="DIR", help="also write tune.tsv and surface.png there")
    tries = parser.add_argument_group("search range")
    tries.add_argument(
        "--lm_weight", type=float, nargs=2, default=(0.0, 1.5), metavar=("LOW", "HIGH"), help="range of the weight"
    )
    tries.add_argument(
        "--length_bonus", type=float, nargs=2, default=(0.0, 5.0), metavar=("LOW", "HIGH"), help="range of the bonus"
    )
    tries.add_argument("--points", type=few, default=6, help="values of each in the first grid, 2 or more")
    tries.add_argument("--rounds", type=count_or_0, default=3, help="refinements around the best point")
    decoding = parser.add_argument_group("decoding")
    decoding.add_argument("--beam_width", type=count, default=30, help="beam size: label sequences kept per frame")
    decoding.add_argument("--top_k", type=count, default=40, help="candidate units per frame")
    decoding.add_argument("--jobs", type=count, help="points decoded in parallel (default: all cores)")
    decoding.add_argument("--device", default="cpu", help="device of the acoustic model")
    return parser


def kept_or_new(args: argparse.Namespace, model: AcousticModel, clips: Sequence[Clip]) -> Posteriors:
    """Return the posteriors of the file of --posteriors, or new ones, which it then keeps. Raises UsageError,
    ListError."""
    if args.posteriors is None:
        return listen(model, clips, args.data_root, args.device)
    made_of = fingerprint(model_path(args.model), args.ref)
    if args.posteriors.exists():
        return read_posteriors(args.posteriors, made_of)
    found = listen(model, clips, args.data_root, args.device)
    write_posteriors(args.posteriors, found, made_of)
    return found


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    args = parser().parse_args(argv)
    if args.points < 2 or args.lm_weight[0] < 0:
        raise errors.UsageError("--points must be 2 or more and --lm_weight 0 or more")
    clips = read_list(args.ref)
    model = load_model(model_path(args.model), args.device)
    units = model.vocabulary.units
    try:
        lm = _Built(NgramModel.read(args.lm), units)
    except (ValueError, OSError) as error:
        raise errors.ModelError(f"{error}; give an ARPA file of syllables") from None
    posteriors = kept_or_new(args, model, clips)
    greedy = posteriors.score(GreedyDecoder(units).decode).rate
    references = posteriors.references
    print(f"{len(references)} recordings, {sum(map(len, references))} syllables; greedy: {greedy:.2%}")

    def rate(point: Point) -> float:
        decoder = BeamSearchDecoder(
            units,
            beam_width=args.beam_width,
            top_k=args.top_k,
            lm=lm,
            lm_weight=point[0],
            length_bonus=point[1],
        )
        return posteriors.score(decoder.decode).rate

    weights = grid(args.lm_weight, args.points)
    bonuses = grid(args.length_bonus, args.points)
    with ThreadPoolExecutor(args.jobs or os.cpu_count() or 1) as pool:  # decoding releases the interpreter's lock
        rates = search(lambda points: list(pool.map(rate, points)), weights, bonuses, args.rounds)
    point = best(rates)
    print(table(rates, weights, bonuses))
    print(f"without language model: {rates[0.0, 0.0]:.2%}")
    print(f"best: {rates[point]:.2%} with --lm {args.lm} --lm_weight {point[0]:g} --length_bonus {point[1]:g}")
    if args.output:
        with whole_file(args.output / "tune.tsv", "w", errors.UsageError, _WHAT_TO_DO) as file:
            file.write("lm_weight\tlength_bonus\tser\n")
            file.writelines(f"{w:g}\t{b:g}\t{rates[w, b]:.6f}\n" for w, b in sorted(rates))
        draw(rates, args.output / "surface.png")


if __name__ == "__main__":
    raise SystemExit(main())
