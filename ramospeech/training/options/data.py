"""Options of train.py: which recordings are trained on."""

import argparse

from ramospeech.cli import count, few, fraction, positive

BATCH_SIZE = 256  # clips: more than --batch_seconds usually holds


def seconds_or_auto(text: str) -> float | str:
    """Return a positive number of seconds, or auto."""
    return text if text == "auto" else positive(text)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options of the data."""
    group = parser.add_argument_group("data")
    group.add_argument("--recipe", metavar="NAME", help="options in a .toml file, or in data_config/recipes/NAME.toml")
    group.add_argument("--data_type", help="corpus names joined by commas, or all")
    group.add_argument("--train_manifest", nargs="+", metavar="LIST", help="lists to train on, instead of --data_type")
    group.add_argument("--dev_manifest", nargs="+", metavar="LIST", help="lists to choose the best model on")
    group.add_argument(
        "--valid_ratio",
        type=fraction,
        help="fraction of the training clips to hold out as dev clips, whole speakers where they are known, instead of "
        "the corpora's dev lists",
    )
    group.add_argument("--config_path", default="data_config", help="folder of <corpus>_{train,dev,test}.txt")
    group.add_argument("--data_root", default="data", help="folder that the lists' paths are relative to")
    group.add_argument(
        "--corpus_weights",
        dest="weights",
        nargs="+",
        metavar="CORPUS=W",
        help="how often each corpus is seen per epoch",
    )
    group.add_argument("--max_window", type=count, default=1600, help="longest training clip, in frames of 10 ms")
    group.add_argument("--max_seq_length", type=count, default=64, help="longest training label, in units")
    group.add_argument(
        "--batch_seconds",
        type=seconds_or_auto,
        default=120.0,
        metavar="S",
        help="audio in a worker's batch, with padding; auto: what the memory of the GPU holds",
    )
    group.add_argument("--fits", action="store_true", help="say whether such a batch fits in the memory, and end")
    group.add_argument("--batch_size", type=count, default=BATCH_SIZE, help="clips in a worker's batch, at most")
    group.add_argument("--num_workers", type=few, default=2, help="threads that read audio")
