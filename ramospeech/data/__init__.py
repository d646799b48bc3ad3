"""Lists -> duration buckets -> padded batches, with the same number of steps on every worker."""

from ramospeech.data.batches import Plan, Steps, epoch_plan, eval_plan, in_order, padding_share, train_plan
from ramospeech.data.joining import Joined, JoinLabels
from ramospeech.data.loader import Batch, Loader, dummy_batch, pad
from ramospeech.data.pool import Pool, read_folder, read_pool
from ramospeech.data.select import FilteredClips, dropped_table, read_clips
from ramospeech.data.window_batches import WindowBatches
from ramospeech.data.windows import Corpora, WindowPlanner

noise, Selection = dummy_batch, FilteredClips  # their names in version 0.1

__all__ = [
    "Batch",
    "Corpora",
    "FilteredClips",
    "JoinLabels",
    "Joined",
    "Loader",
    "Plan",
    "Pool",
    "Selection",
    "Steps",
    "WindowBatches",
    "WindowPlanner",
    "dropped_table",
    "epoch_plan",
    "eval_plan",
    "in_order",
    "noise",
    "pad",
    "padding_share",
    "read_clips",
    "read_folder",
    "read_pool",
    "train_plan",
]
