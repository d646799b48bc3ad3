"""The training loop: steps, learning rate, checkpoints, what a person sees of it."""

from ramospeech.malloc import keep_freed_memory
from ramospeech.training import advice
from ramospeech.training.average import Average
from ramospeech.training.checkpoint import load_state, save_state
from ramospeech.training.device import check_gradients, choose_device, processes_to_start, use_devices
from ramospeech.training.fine_tuning import keep_near_start, move_towards_start
from ramospeech.training.fitting import settle_batch_seconds
from ramospeech.training.folder import RunFolder, folder_of, write_setting
from ramospeech.training.guard import Guard
from ramospeech.training.learning import make_optimizer
from ramospeech.training.log import RunLog
from ramospeech.training.loop import EMPTY, Trainer, evaluate
from ramospeech.training.monitor import Meter, Monitor, tracked
from ramospeech.training.options import BATCH_SIZE, check_options, options
from ramospeech.training.profiling import Batches, Profiler
from ramospeech.training.progress import Checkpoints, Progress
from ramospeech.training.recipe import parse_with_recipe
from ramospeech.training.records import records_of
from ramospeech.training.run import Run
from ramospeech.training.schedule import learning_rate, rate_of_run, scaled
from ramospeech.training.sets import EvalBatches, TrainBatches, lists_of, read_sets
from ramospeech.training.start import new_or_resumed, prepare, teacher_of
from ramospeech.training.stopping import Stopper
from ramospeech.training.validation import DevMetrics, Evaluation, dev_sums, show_clips, validate
from ramospeech.training.windows import WindowTraining
from ramospeech.training.writer import ModelWriter

__all__ = [
    "BATCH_SIZE",
    "EMPTY",
    "Average",
    "Batches",
    "Checkpoints",
    "DevMetrics",
    "EvalBatches",
    "Evaluation",
    "Guard",
    "Meter",
    "ModelWriter",
    "Monitor",
    "Profiler",
    "Progress",
    "Run",
    "RunFolder",
    "RunLog",
    "Stopper",
    "TrainBatches",
    "Trainer",
    "WindowTraining",
    "advice",
    "check_gradients",
    "check_options",
    "choose_device",
    "dev_sums",
    "evaluate",
    "folder_of",
    "keep_freed_memory",
    "keep_near_start",
    "learning_rate",
    "lists_of",
    "load_state",
    "make_optimizer",
    "move_towards_start",
    "new_or_resumed",
    "options",
    "parse_with_recipe",
    "prepare",
    "processes_to_start",
    "rate_of_run",
    "read_sets",
    "records_of",
    "save_state",
    "scaled",
    "settle_batch_seconds",
    "show_clips",
    "teacher_of",
    "tracked",
    "use_devices",
    "validate",
    "write_setting",
]
