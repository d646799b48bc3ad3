"""Lists -> duration buckets -> padded batches, with the same number of steps on every worker."""

from ramospeech.data.batches import Plan, epoch_plan, eval_plan, padding_share, train_plan
from ramospeech.data.joining import Joined
from ramospeech.data.loader import Batch, Loader, dummy_batch, pad
from ramospeech.data.select import FilteredClips, dropped_table, read_clips

noise, Selection = dummy_batch, FilteredClips  # their names in version 0.1

__all__ = [
    "Batch",
    "FilteredClips",
    "Joined",
    "Loader",
    "Plan",
    "Selection",
    "dropped_table",
    "epoch_plan",
    "eval_plan",
    "noise",
    "pad",
    "padding_share",
    "read_clips",
    "train_plan",
]
