"""The training loop: steps, learning rate, checkpoints, what a person sees of it."""

from ramospeech.training.checkpoint import load_state, save_state
from ramospeech.training.loop import EMPTY, Stopper, Trainer, evaluate
from ramospeech.training.monitor import Meter, Monitor
from ramospeech.training.schedule import SCALINGS, SCHEDULES, learning_rate, scaled

__all__ = [
    "EMPTY",
    "SCALINGS",
    "SCHEDULES",
    "Meter",
    "Monitor",
    "Stopper",
    "Trainer",
    "evaluate",
    "learning_rate",
    "load_state",
    "save_state",
    "scaled",
]
