"""Fine-tuning keeps near its start: the weights that are written lie between the first and the best ones.

A mean of the weights before and after fine-tuning keeps most of what the model knew of other speakers and loses little
of what it has learnt (Wortsman et al., WiSE-FT, arXiv 2109.01903).
"""

from argparse import Namespace

import torch
from torch import Tensor

from ramospeech.model import load_model
from ramospeech.model.pretrained import initial_model
from ramospeech.parallel import Workers
from ramospeech.text import Vocabulary
from ramospeech.training.folder import RunFolder
from ramospeech.training.validation import DevMetrics, Evaluation
from ramospeech.training.writer import ModelWriter

FRACTIONS = (0.25, 0.5, 0.75, 1.0)  # of the way from the first weights to the best
TOLERANCE = 1.02  # a dev error rate this much above the lowest is as good, and nearer to the start is better
KNOWS_NOTHING = 0.95  # error rate of a start that is not worth keeping near to: its output layer is new


def interpolated(start: dict[str, Tensor], end: dict[str, Tensor], fraction: float) -> dict[str, Tensor]:
    """Weights at a fraction of the way from start to end; counters are those of the end."""
    return {
        name: torch.lerp(start[name].to(tensor), tensor, fraction) if tensor.is_floating_point() else tensor
        for name, tensor in end.items()
    }


def nearest(errors: dict[float, float]) -> float:
    """The smallest fraction of the way whose error rate is within the tolerance of the lowest."""
    lowest = min(errors.values())
    return min(fraction for fraction, rate in errors.items() if rate <= lowest * TOLERANCE)


def move_towards_start(
    args: Namespace, run: RunFolder, evaluation: Evaluation, writer: ModelWriter, workers: Workers
) -> DevMetrics | None:
    """Measure models between the start and the best one, and write the one to use; all workers take part.

    Returns what was measured of it, None where the start knew nothing and so all stays as it is.
    """
    model, progress, monitor = writer.model, writer.progress, evaluation.monitor
    if progress.before is None or progress.before >= KNOWS_NOTHING:
        return None
    start, end = workers.broadcast_from_rank_0(
        lambda: (
            initial_model(args.init_from, Vocabulary.inventory().units, {}).state_dict(),
            load_model(run.best).state_dict(),
        )
    )
    own, measured = model.state_dict(), {}
    device = evaluation.trainer.device
    for fraction in FRACTIONS:
        weights = interpolated(start, end, fraction)
        model.load_state_dict({**own, **{name: tensor.to(device) for name, tensor in weights.items()}})
        measured[fraction] = evaluation.validate()
        monitor.say(f"{fraction:.0%} of the way from the start: {measured[fraction].describe()}")
    chosen = nearest({fraction: metrics.ser for fraction, metrics in measured.items()})
    weights = interpolated(start, end, chosen)
    model.load_state_dict({**own, **{name: tensor.to(device) for name, tensor in weights.items()}})
    progress.best = measured[chosen].ser
    workers.broadcast_from_rank_0(writer.write_best)
    return measured[chosen]
