"""Show a model file, or write a model to ship: the average of model files, in few bits, without what training needs.

    ramospeech info runs/dfcnn.safetensors                                    its description and its layers
    ramospeech average small.safetensors runs/dfcnn.safetensors
    ramospeech average small.safetensors runs/dfcnn.epoch5[6-9].safetensors   the mean of the last ones
    ramospeech average --bits 8 smaller.safetensors runs/dfcnn.safetensors    half that size
    ramospeech average --bits 6 smaller.safetensors runs/dfcnn.safetensors    a quarter less
    ramospeech average --bits 6 --calibrate LIST smaller.safetensors runs/m.safetensors
    ramospeech average --bits 8 --base accurate small.safetensors runs/m.safetensors   without what the two share

The mean of the last checkpoints of a run (train.py --save_step) is often better than each of them (Izmailov et al.,
arXiv 1803.05407). With --calibrate the weights of linear layers are rounded so that what these give for up to
300 recordings of a list, such as it was trained on, changes least. Rows that syllables share part by part are summed
up, so that the file is an ordinary one; with --base they stay as they are.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ramospeech import audio
from ramospeech.cli import Parser
from ramospeech.corpora import read_list
from ramospeech.errors import ModelError, UsageError, program
from ramospeech.model.acoustic import AcousticModel
from ramospeech.model.base_file import BASES
from ramospeech.model.calibration import input_moments
from ramospeech.model.file import base_of, load_model, save_model
from ramospeech.model.heads import Head
from ramospeech.model.pretrained import model_path

CALIBRATED = 300  # recordings at most, spread over the list
PATH_OPTIONS = (  # on one's own machine
    *("config_path", "data_root", "dev_manifest", "init_from", "model_path", "music", "noise", "rooms", "shard_cache"),
    *("train_manifest", "unit_list"),
)


def averaged(models: Sequence[AcousticModel]) -> AcousticModel:
    """Return a model with the mean of the weights of others of its kind."""
    states = [model.state_dict() for model in models]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[-1].items()
    }
    result = AcousticModel(models[-1].config)
    result.load_state_dict(mean)
    return result.eval()


def plain(model: AcousticModel) -> AcousticModel:
    """Return a model with the same posteriors whose output layer shares no rows; the model itself where it shares
    none."""
    if not model.config.share_parts:
        return model
    for head in model.heads.children():
        assert isinstance(head, Head)
        head.merge_shared_rows()
    result = AcousticModel(replace(model.config, share_parts=False))
    result.load_state_dict(model.state_dict())
    return result.eval()


def description(path: Path) -> str:
    """Return what the file of a model holds, for people: its description, its training as JSON, and its layers."""
    model, base = load_model(path), base_of(path)
    shared = f"\nwith weights of {base}, which its file lacks" if base else ""
    training = json.dumps(model.summary, ensure_ascii=False, indent=1)
    head = f"{model.config.describe()}: {model.num_parameters:,} parameters, a frame of {model.seconds_per_frame:g} s"
    return f"{head}{shared}\ntraining: {training}\n{model.tree()}"


def write_average(
    output: Path,
    paths: Sequence[Path],
    bits: int,
    base: str | None = None,
    calibrate: Path | None = None,
    data_root: Path = Path("data"),
) -> str:
    """Write the average of model files, and return a line about it. base: see `save_model`. calibrate: a list of
    recordings, for which weights in 8 bits or fewer are rounded.

    Raises ModelError: models of several kinds; UsageError: the file to write exists, perhaps one of the models, or
    there is nothing to round.
    """
    if calibrate and bits > 8:
        raise UsageError("--calibrate: rounds weights to 8 or 6 bits; give --bits too, or leave it out")
    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: the name of a model file ends in .safetensors")
    if output.exists():
        raise UsageError(f"{output}: exists, and the first name is that of the file to write; give another one there")
    models = [load_model(model_path(path)) for path in paths]
    for path, model in zip(paths, models, strict=True):
        if model.config != models[0].config:
            raise ModelError(f"{path}: not of the kind and sizes of {paths[0]}; average alike ones")
    model = averaged(models) if base else plain(averaged(models))
    summary = {**models[-1].summary, "averaged": len(models)}
    options = summary.get("options", {})
    summary["options"] = {name: value for name, value in options.items() if name not in PATH_OPTIONS}
    if isinstance(teacher := options.get("teacher"), str):
        summary["options"]["teacher"] = Path(teacher).name
    moments = _moments(model, calibrate, data_root) if calibrate else None
    save_model(model, output, summary, bits, base, moments)
    size = output.stat().st_size / 1e6
    return f"{output}: {model.config.describe()}, {model.num_parameters:,} parameters, {size:.1f} MB"


def _moments(model: AcousticModel, path: Path, data_root: Path) -> dict[str, torch.Tensor]:
    """Raises ListError, AudioError; UsageError where no recording can be used."""
    clips = read_list(path, model.units)
    chosen = clips[:: max(1, len(clips) // CALIBRATED)][:CALIBRATED]
    found = input_moments(model, (audio.load(data_root / clip.path) for clip in chosen))
    if not found:
        raise UsageError(
            f"--calibrate {path}: no recording that the model can take; give a list that it was trained on"
        )
    return found


@program
def info(argv: Sequence[str] | None = None) -> None:
    """Show model files: `ramospeech info`."""
    parser = Parser(description="Show what a model file holds: its description, how it was trained, and its layers.")
    parser.add_argument(
        "models", type=Path, nargs="+", metavar="MODEL", help="accurate, fast, dfcnn, or a file of train.py"
    )
    for path in parser.parse_args(argv).models:
        print(description(model_path(path)))


@program
def average(argv: Sequence[str] | None = None) -> None:
    """Write the average of model files: `ramospeech average`."""
    args = _parser(nargs="+").parse_args(argv)
    print(write_average(args.output, args.models, args.bits, args.base, args.calibrate, args.data_root))


@program
def main(argv: Sequence[str] | None = None) -> None:
    """Run `info` of one file, `average` of several: `python -m ramospeech.model`."""
    args = _parser(nargs="*").parse_args(argv)
    if args.models:
        print(write_average(args.output, args.models, args.bits, args.base, args.calibrate, args.data_root))
    else:
        print(description(model_path(args.output)))


def _parser(nargs: str) -> Parser:
    description, epilog = __doc__.split("\n\n", 1)
    parser = Parser(description=description, epilog=epilog)
    alone = "" if nargs == "+" else "; the one to show if it is alone"
    parser.add_argument("output", type=Path, metavar="OUT", help=f"the file to write{alone}")
    parser.add_argument(
        "models",
        type=Path,
        nargs=nargs,
        metavar="MODEL",
        help="accurate, fast, dfcnn, or files that train.py wrote",
    )
    parser.add_argument("--bits", type=int, choices=(6, 8, 16), default=16, help="bits per weight of a matrix")
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="LIST",
        help="a list of recordings: --bits 8 or 6 rounds weights so that what the model gives for them changes least",
    )
    parser.add_argument(
        "--data_root",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="folder that the paths of --calibrate are relative to",
    )
    parser.add_argument("--base", choices=BASES, help="leave out the weights that equal those of this shipped model")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
