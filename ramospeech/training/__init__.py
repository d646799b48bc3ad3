"""The training loop: steps, learning rate, checkpoints, what a person sees of it."""

from ramospeech.training import advice
from ramospeech.training.average import Average
from ramospeech.training.checkpoint import load_state, save_state
from ramospeech.training.dev import DevMetrics, dev_sums, show_clips
from ramospeech.training.device import choose_device
from ramospeech.training.guard import Guard
from ramospeech.training.loop import EMPTY, Stopper, Trainer, evaluate
from ramospeech.training.memory import keep_freed_memory
from ramospeech.training.monitor import Meter, Monitor, tracked
from ramospeech.training.options import BATCH_SIZE, check_options, options
from ramospeech.training.recipe import parse_with_recipe
from ramospeech.training.schedule import learning_rate, scaled

__all__ = [
    "BATCH_SIZE",
    "EMPTY",
    "Average",
    "DevMetrics",
    "Guard",
    "Meter",
    "Monitor",
    "Stopper",
    "Trainer",
    "advice",
    "check_options",
    "choose_device",
    "dev_sums",
    "evaluate",
    "keep_freed_memory",
    "learning_rate",
    "load_state",
    "options",
    "parse_with_recipe",
    "save_state",
    "scaled",
    "show_clips",
    "tracked",
]
