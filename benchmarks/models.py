"""Which network? Error rate against size and speed, trained alike: one command, a section of docs/benchmarks.md.

    python benchmarks/models.py [--data_type demo --data_root demo --config_path data_config] [--epochs 29] [--seeds 3]
        [--only TEXT]

Trains with train.py, one process a run and as many at once as --jobs says; options that this program does not know go
to every run. A run that is finished in --runs is not done again, one that was cut off goes on. Speed is that of
transcribing up to the posteriors, without decoding, on one core, taken in turn. Fewer epochs or seeds say little:
before runs have converged, seeds alone differ by tens of points (docs/ace.md).
"""

import statistics
import time
from collections.abc import Sequence

import torch
from table import write_section
from trainings import heading, name_of, parser, train_all

from ramospeech.audio import SAMPLE_RATE
from ramospeech.model import AcousticModel, load_model

SPECTROGRAM = ["--features", "spectrogram", "--normalise", "clip"]
VARIANTS: dict[str, list[str]] = {
    "spectrogram, maps 32-64-128-128, LSTM 4 x 128 (train.py's defaults)": [
        *SPECTROGRAM, "--maps", "32", "64", "128", "128", "--rnn", "128", "--rnn_layers", "4"
    ],
    "spectrogram, maps 8-16-32-32, LSTM 1 x 192": [*SPECTROGRAM, "--fc", "256", "--rnn", "192"],
    "fbank, maps 8-16-32-32, LSTM 1 x 64": [],
    "fbank, maps 8-16-32-32, LSTM 1 x 192": ["--fc", "256", "--rnn", "192"],
    "fbank, maps 8-16-32-32, LSTM 1 x 192, frames of 40 ms": ["--fc", "256", "--rnn", "192", "--reduction", "4"],
    "fbank, maps 8-16-32-32, LSTM 3 x 192": ["--fc", "256", "--rnn", "192", "--rnn_layers", "3"],
    "fbank, maps 16-32-64-64, LSTM 1 x 192": ["--maps", "16", "32", "64", "64", "--fc", "256", "--rnn", "192"],
}  # fmt: skip
SECONDS, ROUNDS = 8, 5  # of a clip, and how often it is taken


def times_real_time(models: Sequence[AcousticModel]) -> list[float]:
    """Seconds of audio that each takes in a second of one core, the median of rounds in turn."""
    torch.set_num_threads(1)
    waveforms, lengths = 0.05 * torch.randn(1, SECONDS * SAMPLE_RATE), torch.tensor([SECONDS * SAMPLE_RATE])
    taken: list[list[float]] = [[] for _ in models]
    for round_ in range(1 + ROUNDS):  # the first one warms up
        for model, seconds in zip(models, taken, strict=True):
            begin = time.perf_counter()
            with torch.inference_mode():
                model(waveforms, lengths)
            if round_:
                seconds.append(time.perf_counter() - begin)
    return [SECONDS / statistics.median(seconds) for seconds in taken]


def main() -> None:
    accepted = parser(__doc__.split("\n\n")[0], epochs=29, seeds=3, runs="models")
    accepted.add_argument("--only", default="", metavar="TEXT", help="the networks whose names hold this")
    args, options = accepted.parse_known_args()
    chosen = {name: found for name, found in VARIANTS.items() if args.only in name}
    if not chosen:
        accepted.error(f"--only {args.only}: no network has this in its name; there are {'; '.join(VARIANTS)}")
    curves = train_all(chosen, args, options)
    models = [load_model(args.runs / f"{name_of(variant, 1)}.safetensors").eval() for variant in curves]
    rows = []
    for (variant, runs), model, speed in zip(curves.items(), models, times_real_time(models), strict=True):
        seeds = ", ".join(f"{100 * curve[-1]:.1f}" for curve in runs)
        millions = model.num_parameters / 1e6
        rows.append(f"| {variant} | {millions:.2f} | {2 * millions:.1f} | {seeds} | {speed:.0f} |")
    only = ["--only", args.only] if args.only else []
    head = f"{heading('models.py', args, [*only, *options])}: dev SER % of each seed, greedily decoded."
    titles = "| network | million parameters | MB as float16 | dev SER % | times real time, one core |"
    table = "\n".join((titles, "|---|---|---|---|---|", *rows))
    write_section("models", "\n\n".join(("## Networks", head, table)))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
