"""The training loop: steps, learning rate, checkpoints, what a person sees of it."""

from ramospeech.training.checkpoint import load_state, save_state
from ramospeech.training.dev import dev_sums, show_clips
from ramospeech.training.device import choose_device
from ramospeech.training.loop import EMPTY, Stopper, Trainer, evaluate
from ramospeech.training.memory import keep_freed_memory
from ramospeech.training.monitor import Meter, Monitor
from ramospeech.training.recipe import parse_with_recipe
from ramospeech.training.schedule import SCALINGS, SCHEDULES, learning_rate, scaled

__all__ = [
    "EMPTY",
    "SCALINGS",
    "SCHEDULES",
    "Meter",
    "Monitor",
    "Stopper",
    "Trainer",
    "choose_device",
    "dev_sums",
    "evaluate",
    "keep_freed_memory",
    "learning_rate",
    "load_state",
    "parse_with_recipe",
    "save_state",
    "scaled",
    "show_clips",
]
