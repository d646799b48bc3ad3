"""What a run of train.py starts from: a new model, one to fine-tune, or a run to resume."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ramospeech.augment import Chain, FrequencyWarp, SpecAugment, TimeWarp
from ramospeech.augment.spec_augment import SPAN
from ramospeech.data.window_batches import REUSED
from ramospeech.errors import ModelError, UsageError
from ramospeech.features import FeatureSettings
from ramospeech.model import (
    ENCODERS,
    AcousticModel,
    AttentionObjective,
    AuxiliaryHeads,
    CtcObjective,
    ModelConfig,
    Teacher,
    load_model,
    sizes_of_encoders,
    sizes_of_heads,
)
from ramospeech.model.kept import KeptStates
from ramospeech.model.pretrained import config_of, initial_model, model_path
from ramospeech.text import Vocabulary
from ramospeech.text.units import UNITS, units_of_lists
from ramospeech.training.checkpoint import load_state
from ramospeech.training.defaults import head_sizes_given, settle, sizes_given
from ramospeech.training.folder import RunFolder
from ramospeech.training.initial import draw_uniform
from ramospeech.training.learning import freeze, freeze_output

DEFAULT_ENCODER = "dfcnn"
DEFAULT_UNITS = "pinyin"
DEFAULT_HEADS = ("ctc",)
SPAN_EVERY = 200  # frames of a window for each span that SpecAugment hides
UNITS_OF_LISTS = "lists"  # of --unit_list: those of the training lists


def new_or_resumed(
    args: Namespace, run: RunFolder, lists: Sequence[Path] = ()
) -> tuple[AcousticModel, dict[str, Any] | None]:
    """Return the model to train, and with --load_model the state to resume from where there is one.

    lists: to train on, of which units may be made. Raises: ModelError: nothing to load, or a model of another shape
    than the options ask for; UsageError; ListError: units that cannot be read.
    """
    torch.manual_seed(args.seed)
    state = None
    if args.load_model:
        model, state = _resumed(args, run)
    elif args.init_from:
        kind, units = _units_of_start(args, lists)
        model = _started(args, units, {**_asked(args), **_sizes(args), "unit_type": kind})
    else:
        kind = args.units or DEFAULT_UNITS
        model = AcousticModel(_config(args, _units(kind, args.unit_list, lists)))
        if args.init_uniform:
            draw_uniform(model, args.init_uniform)
    return model, state


def prepare(model: AcousticModel, args: Namespace) -> None:
    """Options that were not given, and what they say of the training of the model: its variations and its loss."""
    settle(args, model.summary.get("options", {}) if args.load_model else None)
    parts = len(model.encoder.pretrained_layers())
    if args.freeze is None:
        args.freeze = parts if args.init_from else 0
    freeze(model, args.freeze)
    if args.freeze_output:
        freeze_output(model, args)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError(f"--freeze {args.freeze}: leaves nothing to learn; give fewer, or leave out --freeze_output")
    varied = args.augment or args.join or args.silence or args.windows
    if 0 < parts == args.freeze and (args.reuse > 1 or not varied):  # clips come again as they were
        windows = REUSED * int(args.batch_seconds / min(args.windows)) if args.reuse > 1 else None
        model.kept = KeptStates(int(args.cache_gb * 2**30), windows)
    model.augment = Chain(_augmentations(args, model))
    model.auxiliary = _auxiliary(args, model)
    set_objectives(model, args)


def set_objectives(model: AcousticModel, args: Namespace) -> None:
    """Give the heads what they minimise. Raises UsageError for an option of a head that the model does not have."""
    if "ctc" in model.heads:
        model.ctc.objective = CtcObjective(args.loss, args.ace_weight, args.ace_ramp, args.smoothing, args.consistency)
    else:
        asked = {"loss": args.loss != "ctc", "label_smoothing": args.smoothing, "cr_ctc_weight": args.consistency}
        asked |= {"teacher": args.teacher, "drop_worst": args.drop_worst}
        for name in (name for name, value in asked.items() if value):
            raise UsageError(f"--{name}: of the CTC head, which this model does not have; leave it out, or train both "
                             "with --heads ctc attention")  # fmt: skip
    if "attention" in model.heads:
        model.attention.objective = AttentionObjective(
            args.attention_smoothing, tuple(args.teacher_forcing), tuple(args.teacher_forcing_steps)
        )
    else:
        asked = {"attention_smoothing": args.attention_smoothing != 0.1}
        asked |= {"teacher_forcing": tuple(args.teacher_forcing) != (1.0,), "ctc_weight": args.ctc_weight != 0.3}
        for name in (name for name, value in asked.items() if value):
            raise UsageError(f"--{name}: of the attention head; give --heads ctc attention, or leave it out")
    if {"ctc", "attention"} <= set(model.heads):
        model.head_weights |= {"ctc": args.ctc_weight, "attention": 1.0 - args.ctc_weight}


def _auxiliary(args: Namespace, model: AcousticModel) -> AuxiliaryHeads | None:
    """The heads of --auxiliary, the same on every worker. Raises UsageError for units without parts."""
    if not args.auxiliary:
        return None
    if not model.units.parts(model.config.units[2]):
        raise UsageError(f"--auxiliary {args.auxiliary:g}: {model.config.unit_type} have no initials; leave it out")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(args.seed)
        return AuxiliaryHeads(model.encoder.dim, model.config.units, args.auxiliary)


def teacher_of(args: Namespace, model: AcousticModel, device: torch.device) -> Teacher | None:
    """Return the model of --teacher, on the device of the training. Raises ModelError where it cannot teach this
    one."""
    if not args.teacher:
        return None
    return Teacher(load_model(model_path(args.teacher), device), model, args.teacher_weight, args.teacher)


def _augmentations(args: Namespace, model: AcousticModel) -> list[nn.Module]:
    """Of features; where states are kept, of states, whose values are not frequencies."""
    bands = (0 if model.kept else args.frequency_masks), args.frequency_mask_width
    spans = args.time_masks, args.time_mask_width
    spec: list[nn.Module] = []
    if args.spec_augment:
        spec = [TimeWarp(args.time_warp)] if args.time_warp else []
        frames = model.encoder.lower_reduction if model.kept else 1
        spec += [SpecAugment(*bands, *spans, SPAN_EVERY // frames if args.windows else None, SPAN // frames)]
    hertz = model.features.extract.frequencies
    warp = [FrequencyWarp(hertz, args.warp)] if args.warp and hertz is not None and not model.kept else []
    return [*warp, *spec]


def start_of(args: Namespace, config: ModelConfig) -> AcousticModel:
    """Return the model that the fine-tuning of a model of `config` started from. Raises ModelError."""
    return _started(args, config.units, {name: value for name, value in config.to_dict().items() if name != "units"})


def _started(args: Namespace, units: tuple[str, ...], given: Mapping[str, Any]) -> AcousticModel:
    """Return a model with the weights of --init_from; what is new in it is drawn from the seed, and so always the
    same.

    Raises: ModelError: --init_from cannot be used, or disagrees with other options.
    """
    torch.manual_seed(args.seed)
    return initial_model(args.init_from, units, given)


def lacks_most(model: AcousticModel) -> bool:
    """Return whether a model that fine-tuning starts from can say little, since most of its units are new."""
    return 2 * len(model.new_units) > len(model.config.units)


def _asked(args: Namespace) -> dict[str, Any]:
    """Return what the command line says of the model but for its sizes."""
    asked = {"architecture": args.model, "features": args.features, "normalise": args.normalise}
    asked |= {"share_parts": args.share_parts, "unit_type": args.units}
    asked |= {"heads": args.heads and tuple(args.heads)}
    asked |= {item.name: getattr(args, item.name, None) for item in fields(FeatureSettings)}
    return {name: value for name, value in asked.items() if value is not None}


def _sizes(args: Namespace) -> dict[str, Any]:
    """Return the sizes on the command line, of any encoder and any head."""
    every = (*sizes_of_encoders().values(), *sizes_of_heads().values())
    names = {item.name for sizes in every for item in fields(sizes)}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in vars(args).items() if name in names
    }


def _units_of_start(args: Namespace, lists: Sequence[Path]) -> tuple[str, tuple[str, ...]]:
    """Return the kind and the units of a model that starts from --init_from: the file's, where no others are asked for.

    Raises ModelError, ListError, UsageError.
    """
    own = config_of(args.init_from)
    if own and args.unit_list is None and args.units in (None, own.unit_type):
        return own.unit_type, own.units
    kind = args.units or (own.unit_type if own else DEFAULT_UNITS)
    return kind, _units(kind, args.unit_list, lists)


def _units(kind: str, unit_list: str | None, lists: Sequence[Path]) -> tuple[str, ...]:
    """Return the units of a new output layer. Raises ListError, UsageError."""
    units = UNITS[kind]
    inventory = units.inventory() if unit_list is None else None
    if inventory:
        found = inventory
    elif unit_list in (None, UNITS_OF_LISTS):
        found = units_of_lists(units, lists)
    else:
        found = Vocabulary.load(unit_list)
    if len(found) < 3:
        where = ", ".join(map(str, lists)) if unit_list in (None, UNITS_OF_LISTS) else f"--unit_list {unit_list}"
        raise UsageError(f"{where}: no {kind} in it; give a list that has some")
    return found.units


def _config(args: Namespace, units: tuple[str, ...]) -> ModelConfig:
    name = args.model or DEFAULT_ENCODER
    has_parts = bool(UNITS[args.units or DEFAULT_UNITS].parts(units[-1]))
    chosen = {"architecture": name, "share_parts": has_parts and ENCODERS[name].default_share_parts, **_asked(args)}
    of_heads = head_sizes_given(args, chosen.get("heads", DEFAULT_HEADS))
    return ModelConfig(units, **chosen, **sizes_given(args, name), **of_heads)


def _as_asked(args: Namespace, config: ModelConfig) -> ModelConfig:
    """Return a configuration with what the command line says otherwise."""
    asked = _asked(args)
    if asked.get("architecture", config.architecture) != config.architecture:
        return _config(args, config.units)
    if asked.get("unit_type", config.unit_type) != config.unit_type:
        asked = {"share_parts": False, **asked}  # which others may not have
    of_heads = head_sizes_given(args, asked.get("heads", config.heads))
    return replace(config, **asked, **sizes_given(args, config.architecture), **of_heads)


def _resumed(args: Namespace, run: RunFolder) -> tuple[AcousticModel, dict[str, Any] | None]:
    state = load_state(run.state) if run.state.exists() else None
    weights = run.last if state and run.last.exists() else run.best
    model = load_model(weights)
    begun = model.summary.get("options", {}).get("init_from")
    if args.init_from != begun:
        raise UsageError(
            f"--load_model: {weights} was {f'fine-tuned from {begun}' if begun else 'not fine-tuned'}: "
            f"{f'give --init_from {begun}' if begun else 'leave out --init_from'} to resume it, or leave out "
            "--load_model and give another --model_name to start anew"
        )
    if args.unit_list not in (None, UNITS_OF_LISTS) and Vocabulary.load(args.unit_list).units != model.config.units:
        raise UsageError(
            f"--unit_list {args.unit_list}: other units than those of {weights}, which is resumed; leave it out, or "
            "give another --model_name"
        )
    config = _as_asked(args, model.config)  # with the units of the file: a 1,215-unit model stays one
    if not config.matches(model.config):
        raise ModelError(
            f"{weights}: is a {model.config.describe()}, and the options ask for a {config.describe()}; give the same "
            "options, or another --model_name"
        )
    resumed = AcousticModel(config)
    resumed.load_state_dict(model.state_dict())
    resumed.summary = model.summary
    return resumed, state
