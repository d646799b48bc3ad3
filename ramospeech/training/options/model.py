"""Options of train.py: the model, what it starts from and its sizes."""

import argparse

from ramospeech.cli import count_or_0
from ramospeech.features import FEATURES, MODES, FeatureSettings
from ramospeech.model import ENCODERS, sizes_of_encoders
from ramospeech.settings import add_options
from ramospeech.text.units import UNITS


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the options of the model."""
    flag = argparse.BooleanOptionalAction
    group = parser.add_argument_group("model")
    group.add_argument("--model_path", default="runs", help="folder of the model")
    group.add_argument("--model_name", default="dfcnn", help="name of the model's files")
    group.add_argument("--load_model", action="store_true", help="resume the run of that name")
    group.add_argument(
        "--continue_from",
        metavar="FILE",
        help="resume the run of this model file or training state, whose folder and name are taken from it",
    )
    group.add_argument(
        "--finetune", action="store_true", help="with --continue_from: start a new run from that model, as --init_from"
    )
    group.add_argument(
        "--init_from",
        metavar="MODEL",
        help="fine-tune: accurate, fast, dfcnn, or a file; its sizes are kept (but for fewer --layers), and "
        "its units (but for --units)",
    )
    group.add_argument(
        "--freeze", type=count_or_0, help="lowest layers of a Whisper encoder to freeze (with --init_from: all)"
    )
    group.add_argument(
        "--freeze_output", action="store_true", help="with --init_from: keep the weights of the heads as they are there"
    )
    group.add_argument(
        "--freeze_steps",
        type=count_or_0,
        default=0,
        help="steps for which the other layers of --init_from stay frozen too",
    )
    group.add_argument("--model", choices=sorted(ENCODERS), help="architecture of the encoder (default: dfcnn)")
    own = {name: f"{encoder.default_features}, {encoder.default_normalise}" for name, encoder in ENCODERS.items()}
    defaults = "; ".join(f"{name}: {values}" for name, values in own.items())
    group.add_argument("--units", choices=UNITS, help="what the model writes (default: pinyin, or those of the model)")
    group.add_argument(
        "--unit_list",
        metavar="FILE",
        help="file of units, one per line, as `python -m ramospeech.text.units` makes them; lists: those of the "
        "training lists (default: all there can be, of pinyin and initials_finals; of others lists)",
    )
    group.add_argument(
        "--features", choices=FEATURES, help=f"input features (defaults, with those of --normalise: {defaults})"
    )
    group.add_argument("--normalise", choices=MODES, help="normalise mean and variance of features per clip or per bin")
    group.add_argument(
        "--share_parts",
        action=flag,
        default=None,
        help="output weights of initials, finals and tones are shared (default: dfcnn: on)",
    )
    framing = parser.add_argument_group("frames of the features, with their defaults")
    add_options(framing, {"features": FeatureSettings})
    sizes = parser.add_argument_group("sizes of the encoder, with their defaults")
    add_options(sizes, sizes_of_encoders())
