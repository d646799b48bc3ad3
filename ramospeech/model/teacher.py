"""A model from whose posteriors another one learns, beside the labels."""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ramospeech import losses
from ramospeech.errors import ModelError
from ramospeech.features import SAMPLE_RATE
from ramospeech.losses import Loss
from ramospeech.model.acoustic import AcousticModel, LabelledBatch


class Teacher:
    """Hears what its student hears, without the student's masks, and never learns.

    Args:
        model: the teacher, on the device of the training; it is prepared for inference and can no longer be trained.
        student: the model that learns.
        weight: of the teacher in the student's loss, 0 to 1; the labels have the rest.
        name: what messages call it.

    Raises ModelError where the two write different units, or their frames do not fit into each other.
    """

    def __init__(
        self, model: AcousticModel, student: AcousticModel, weight: float = 0.5, name: str = "teacher"
    ) -> None:
        own, theirs = model.config, student.config
        if (own.unit_type, own.units) != (theirs.unit_type, theirs.units):
            raise ModelError(
                f"--teacher {name}: it writes {len(own.units)} units ({own.unit_type}) and the model to train "
                f"{len(theirs.units)} ({theirs.unit_type}), not the same ones; give both the same --unit_list, or "
                "another teacher"
            )
        taught, learnt = model.frames_of_10_ms, student.frames_of_10_ms
        if max(taught, learnt) % min(taught, learnt):
            raise ModelError(
                f"--teacher {name}: its frames are {10 * taught:g} ms and those of the model to train "
                f"{10 * learnt:g} ms; one must be a multiple of the other: choose another --reduction"
            )
        self.model, self.weight, self.name = model.eval().requires_grad_(False), weight, name
        self.model.optimise_for_inference()
        common = max(taught, learnt)
        self.factors = int(common / learnt), int(common / taught)

    def loss(self, log_probs: Tensor, frames: Tensor, batch: LabelledBatch) -> Loss:
        """Map the student's log-posteriors (B, T', V) and their frames (B,) of a batch to how far they are from the
        teacher's, in nats. B may be several times that of the batch: as many views of it. What a batch keeps need not
        be computed again."""
        views = len(log_probs) // len(batch.lengths)
        kept = {} if batch.taught is None else batch.taught
        if self not in kept:
            kept[self] = self.posteriors(batch.waveforms, batch.lengths)
        taught, taught_frames = kept[self]
        return losses.teaching(
            log_probs,
            frames,
            taught.repeat(views, 1, 1),
            taught_frames.repeat(views),
            batch.label_lengths.repeat(views),
            self.factors,
        )

    @torch.no_grad()
    def posteriors(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, S), (B,) samples to log-posteriors (B, T'', V), (B,) frames: 0 of a clip that it cannot take.

        On a GPU in bfloat16, whatever the precision of the student is; on a CPU Whisper's linear layers
        and convolutions as `model/layers/bfloat16.py` chooses.
        """
        samples = lengths.cpu()
        taken = (samples >= self.model.min_samples) & self.takes(samples)
        rows = taken.nonzero().flatten()
        if not len(rows):
            return waveforms.new_zeros(len(lengths), 0, len(self.model.config.units)), torch.zeros_like(lengths)
        with torch.autocast("cuda", torch.bfloat16) if waveforms.is_cuda else contextlib.nullcontext():
            if len(rows) == len(lengths):
                return self.model(waveforms, lengths)
            found, frames = self.model(waveforms[rows, : int(samples[taken].max())], lengths[rows])
        every = found.new_zeros(len(lengths), *found.shape[1:]).index_copy(0, rows.to(found.device), found)
        return every, torch.zeros_like(frames.new_empty(len(lengths))).index_copy(0, rows.to(frames.device), frames)

    def takes(self, samples: Tensor) -> Tensor:
        """Return which clips of so many samples (B,) are not too long for it: (B,) bool."""
        longest = self.model.max_frames
        return (
            samples // self.model.features.samples_per_frame <= longest
            if longest
            else torch.ones_like(samples, dtype=torch.bool)
        )

    def describe(self, seconds: Sequence[float]) -> list[str]:
        """Return lines for people; seconds: of the training clips."""
        lines = [f"teacher: {self.name}, {self.model.config.describe()}; {self.weight:g} of the loss is its"]
        long = int((~self.takes((torch.tensor(seconds) * SAMPLE_RATE).long())).sum())
        if long:
            assert self.model.max_frames
            lines.append(
                f"warning: {long} of {len(seconds)} training clips are longer than the {self.model.max_frames / 100:g} "
                "s that the teacher takes: they learn from their labels alone; cut them, or lower --max_window"
            )
        return lines
