"""Lists -> duration buckets -> padded batches, with the same number of steps on every worker."""

from ramospeech.data.batches import Plan, epoch_plan, eval_plan, padding_share, train_plan
from ramospeech.data.joining import Joined
from ramospeech.data.loader import Batch, Loader, noise, pad
from ramospeech.data.select import Selection, dropped_table, read_clips

__all__ = [
    "Batch",
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
