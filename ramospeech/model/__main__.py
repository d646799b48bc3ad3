"""Show a model file, or write a model to ship: the average of model files, in few bits, without what training needs.

    python -m ramospeech.model runs/dfcnn.safetensors                                    its description and its layers
    python -m ramospeech.model small.safetensors runs/dfcnn.safetensors
    python -m ramospeech.model small.safetensors runs/dfcnn.epoch5[6-9].safetensors      the mean of the last ones
    python -m ramospeech.model --bits 8 smaller.safetensors runs/dfcnn.safetensors       half that size
    python -m ramospeech.model --bits 6 smaller.safetensors runs/dfcnn.safetensors       a quarter less when compressed

The mean of the last checkpoints of a run (train.py --save_step) is often better than each of them (Izmailov et al.,
arXiv 1803.05407). Rows that syllables share part by part are summed up, so that the file is an ordinary one.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ramospeech.errors import ModelError, program
from ramospeech.help import Help
from ramospeech.model.acoustic import AcousticModel
from ramospeech.model.file import load_model, save_model
from ramospeech.model.heads import Head
from ramospeech.model.pretrained import model_path

PLACES = ("config_path", "data_root", "model_path", "noise")  # options that say where things lie on one's own machine


def averaged(models: Sequence[AcousticModel]) -> AcousticModel:
    """A model with the mean of the weights of others of its kind."""
    states = [model.state_dict() for model in models]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[-1].items()
    }
    result = AcousticModel(models[-1].config)
    result.load_state_dict(mean)
    return result.eval()


def plain(model: AcousticModel) -> AcousticModel:
    """A model with the same posteriors whose output layer shares no rows; the model itself where it shares none."""
    if not model.config.share_parts:
        return model
    for head in model.heads.children():
        assert isinstance(head, Head)
        head.merge_shared_rows()
    result = AcousticModel(replace(model.config, share_parts=False))
    result.load_state_dict(model.state_dict())
    return result.eval()


def shown(model: AcousticModel) -> str:
    """What the file of a model holds, for people: its description, its training as JSON, and its layers."""
    training = json.dumps(model.summary, ensure_ascii=False, indent=1)
    head = f"{model.config.describe()}: {model.num_parameters:,} parameters, a frame of {model.seconds_per_frame:g} s"
    return f"{head}\ntraining: {training}\n{model.tree()}"


@program
def main(argv: Sequence[str] | None = None) -> None:
    description, epilog = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m ramospeech.model", description=description, epilog=epilog, formatter_class=Help
    )
    parser.add_argument("output", type=Path, metavar="OUT", help="the file to write; the one to show if it is alone")
    parser.add_argument(
        "models", type=Path, nargs="*", metavar="MODEL", help="files that train.py wrote; accurate and fast are shipped"
    )
    parser.add_argument("--bits", type=int, choices=(6, 8, 16), default=16, help="of a weight in a matrix")
    arguments = parser.parse_args(argv)
    if not arguments.models:
        print(shown(load_model(model_path(arguments.output))))
        return
    models = [load_model(model_path(path)) for path in arguments.models]
    for path, model in zip(arguments.models, models, strict=True):
        if model.config != models[0].config:
            raise ModelError(f"{path}: not of the kind and sizes of {arguments.models[0]}; average alike ones")
    model = plain(averaged(models))
    summary = {**models[-1].summary, "averaged": len(models)}
    options = summary.get("options", {})
    summary["options"] = {name: value for name, value in options.items() if name not in PLACES}
    save_model(model, arguments.output, summary, arguments.bits)
    size = arguments.output.stat().st_size / 1e6
    print(f"{arguments.output}: {model.config.describe()}, {model.num_parameters:,} parameters, {size:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(main())
