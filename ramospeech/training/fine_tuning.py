"""Fine-tuning keeps near its start: the weights that are written lie between the first and the best ones.

A mean of the weights before and after fine-tuning keeps most of what the model knew of other speakers and loses little
of what it has learnt (Wortsman et al., WiSE-FT, arXiv 2109.01903). `--l2_sp` keeps them near in every step instead.
"""

from argparse import Namespace
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ramospeech.model import AcousticModel, load_model
from ramospeech.model.pretrained import config_of, weights_in
from ramospeech.parallel import Workers
from ramospeech.training.folder import RunFolder
from ramospeech.training.start import start_of
from ramospeech.training.validation import Evaluation
from ramospeech.training.writer import ModelWriter

FRACTIONS = (0.25, 0.4, 0.55, 0.75)  # of the way from the first weights to the best
TOLERANCE = 1.05  # a dev error rate this much above the lowest is as good: nearer to the start less is forgotten
FRACTION = "fraction"  # in the summary of a model: how far it is on the way from the start
KNOWS_NOTHING = 0.95  # error rate of a start that is not worth keeping near to: its output layer is new


def keep_near_start(
    args: Namespace, optimizer: torch.optim.Optimizer, model: AcousticModel, workers: Workers
) -> torch.optim.Optimizer:
    """Return the optimizer; with --l2_sp W each of its steps ends with weights W times their rate nearer to
    --init_from's.

    This is L2-SP (Li et al., arXiv 1802.01483), decoupled from the gradient like the weight decay that it replaces.
    Weights that the file did not bring are not pulled.
    """
    if not args.l2_sp:
        return optimizer
    start = workers.broadcast_from_rank_0(lambda: start_of(args, model.config).state_dict())
    brought = brought_by(args, model)
    firsts = {p: start[name].to(p.device) for name, p in model.named_parameters() if name in brought}

    def pull(*_: object) -> None:
        for group in optimizer.param_groups:  # those of now: resuming replaces them
            parameters = [parameter for parameter in group["params"] if parameter in firsts]
            if parameters:
                move = get_ema_multi_avg_fn(1.0 - min(1.0, args.l2_sp * group["lr"]))
                first = [firsts[parameter] for parameter in parameters]
                move(parameters, first, None)  # type: ignore[arg-type]  # torch calls it an average; all at once

    for group in optimizer.param_groups:
        if any(parameter in firsts for parameter in group["params"]):
            group["weight_decay"] = 0.0
    optimizer.register_step_post_hook(pull)
    return optimizer


def brought_by(args: Namespace, model: AcousticModel) -> set[str]:
    """Return the names of the weights that the file of --init_from brought: all but those of new heads and of output
    layers of other units, or those of Whisper's encoder."""
    if names := weights_in(args.init_from, model.config.units):
        return {name for name in model.state_dict() if name in names or not name.startswith("heads.")}
    layers = {id(parameter) for layer in model.encoder.pretrained_layers() for parameter in layer.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in layers}


def _is_cut(args: Namespace, model: AcousticModel) -> bool:
    """Return whether the model has fewer layers than the file of --init_from."""
    own, cut = config_of(args.init_from), model.encoder.cut
    return own is not None and cut is not None and getattr(own.sizes, cut) > getattr(model.config.sizes, cut)


def interpolated(start: dict[str, Tensor], end: dict[str, Tensor], fraction: float) -> dict[str, Tensor]:
    """Weights at a fraction of the way from start to end; counters are those of the end."""
    return {
        name: torch.lerp(start[name].to(tensor), tensor, fraction) if tensor.is_floating_point() else tensor
        for name, tensor in end.items()
    }


def nearest(errors: dict[float, float]) -> float:
    """Return the smallest fraction of the way whose error rate is within the tolerance of the lowest."""
    lowest = min(errors.values())
    return min(fraction for fraction, rate in errors.items() if rate <= lowest * TOLERANCE)


def move_towards_start(
    args: Namespace, run: RunFolder, evaluation: Evaluation, writer: ModelWriter, workers: Workers
) -> None:
    """Measure models between the start and the best one, and write the one to use; all workers take part.

    Where the output layer was new, only the layers below it move. Where the start knew nothing all the same, or lacked
    layers of its file, or no model is better, the best one stays as it is. Of a run that did this before and was
    continued, the best one is found again: its summary says how far on the way it is.
    """
    model, progress, monitor = writer.model, writer.progress, evaluation.monitor
    brought = brought_by(args, model)
    whole = len(brought) == len(model.state_dict())
    if progress.before is None or (whole and progress.before >= KNOWS_NOTHING) or _is_cut(args, model):
        return
    learnt = progress.best < progress.before  # else the best model is the start

    def both_ends() -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
        first, found = start_of(args, model.config).state_dict(), load_model(run.best if learnt else run.last)
        last, done = found.state_dict(), found.summary.get(FRACTION, 1.0)
        if done < 1.0:
            last |= interpolated(first, {name: last[name] for name in brought}, 1.0 / done)
        return first, last, {name: found.summary[name] for name in ("steps", "epoch")}

    start, end, reached = workers.broadcast_from_rank_0(both_ends)
    own, measured = model.state_dict(), {1.0: progress.best} if learnt else {}
    device = evaluation.trainer.device

    def interpolate(fraction: float) -> None:
        between = interpolated(start, end, fraction)
        weights = {name: tensor if name in brought else end[name] for name, tensor in between.items()}
        model.load_state_dict({**own, **{name: tensor.to(device) for name, tensor in weights.items()}})

    for fraction in FRACTIONS:
        interpolate(fraction)
        metrics = evaluation.validate()
        measured[fraction] = metrics.ser
        monitor.say(f"{fraction:.0%} of the way from the start: {metrics.describe()}")
    better = {fraction: rate for fraction, rate in measured.items() if rate < progress.before}
    if not better:
        epoch = workers.broadcast_from_rank_0(lambda: load_model(run.best).summary["epoch"])
        kept = f"that of epoch {epoch}" if epoch else "the one it started from"
        monitor.say(f"fine-tuning made dev {model.units.metrics[0].title} not better: the model is {kept}")
        return
    chosen = nearest(better)
    monitor.say(f"the model is at {chosen:.0%} of the way")
    interpolate(chosen)
    progress.best = measured[chosen]
    workers.broadcast_from_rank_0(lambda: writer.write_best(**reached, **{FRACTION: chosen}))
