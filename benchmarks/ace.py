"""Does ACE help CTC? The same training with different losses, several seeds each: one command, docs/ace.md.

    python benchmarks/ace.py [--data_type demo --data_root demo --config_path data_config] [--epochs 24] [--seeds 3]

Trains with train.py, one process a run and as many at once as --jobs says; options that this program does not know go
to every run. A run that is finished in --runs is not done again, one that was cut off goes on. What is compared is the
error rate of the dev list, greedily decoded, after every epoch: after the last one in the table, all in the curves.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_training import ROOT
from matplotlib.figure import Figure
from scipy.stats import t as student
from table import write_section
from trainings import Curve, heading, parser, train_all

VARIANTS: dict[str, list[str]] = {
    "CTC": ["--loss", "ctc"],
    "CTC + 0.05 ACE": ["--loss", "ctc_ace", "--ace_weight", "0.05", "--ace_ramp", "0"],
    "CTC + 0.1 ACE": ["--loss", "ctc_ace", "--ace_weight", "0.1", "--ace_ramp", "0"],
    "CTC + 0.3 ACE": ["--loss", "ctc_ace", "--ace_weight", "0.3", "--ace_ramp", "0"],
    "CTC + 0.1 ACE, ramped": ["--loss", "ctc_ace", "--ace_weight", "0.1", "--ace_ramp", "1000"],
    "ACE": ["--loss", "ace"],
}


def table(curves: Mapping[str, Sequence[Curve]]) -> str:
    """Of each variant its mean error rate after the last epoch and how it differs from the first variant's, by seed."""
    lines = [
        "| loss | dev SER %, mean | each seed | difference to CTC (95 % interval) |",
        "|---|---|---|---|",
    ]
    first = [curve[-1] for curve in next(iter(curves.values()))]
    for variant, runs in curves.items():
        last = [curve[-1] for curve in runs]
        apart = [100 * (a - b) for a, b in zip(last, first, strict=True)]
        if variant == next(iter(curves)):
            difference = ""
        elif len(apart) < 2:
            difference = f"{apart[0]:+.1f}"
        else:
            half = student.ppf(0.975, len(apart) - 1) * statistics.stdev(apart) / math.sqrt(len(apart))
            middle = statistics.mean(apart)
            difference = f"{middle:+.1f} ({middle - half:+.1f} to {middle + half:+.1f})"
        seeds = ", ".join(f"{100 * rate:.1f}" for rate in last)
        lines.append(f"| {variant} | {100 * statistics.mean(last):.1f} | {seeds} | {difference} |")
    return "\n".join(lines)


def draw(curves: Mapping[str, Sequence[Curve]], path: Path) -> None:
    """The mean curve of each variant, with the range of its seeds."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for variant, runs in curves.items():
        columns = list(zip(*runs, strict=True))
        epochs = range(1, len(columns) + 1)
        [line] = axes.plot(epochs, [100 * statistics.mean(rates) for rates in columns], label=variant)
        low, high = ([100 * best(rates) for rates in columns] for best in (min, max))
        axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.15)
    axes.set(xlabel="epoch", ylabel="toned SER on dev, %", ylim=(0, 105))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    args, options = parser(__doc__.split("\n\n")[0], epochs=24, seeds=3, runs="ace").parse_known_args()
    curves = train_all(VARIANTS, args, options)
    docs = ROOT / "docs"
    draw(curves, docs / "ace.png")
    head = f"{heading('ace.py', args, options)}: seeds 1 to {args.seeds}."
    picture = "![Toned SER on dev after each epoch, mean and range of the seeds](ace.png)"
    rows = table(curves)
    write_section("ace", "\n\n".join((head, rows, picture)), docs / "ace.md")
    print(rows)


if __name__ == "__main__":
    main()
