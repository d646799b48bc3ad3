"""The acoustic model as everything else sees it: waveforms -> features -> encoder -> heads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.features import HOP, SAMPLE_RATE, Features
from ramospeech.losses import Loss
from ramospeech.malloc import release_freed_memory
from ramospeech.model.config import ModelConfig
from ramospeech.model.encoders import ENCODERS, Encoder
from ramospeech.model.heads import HEADS, AttentionHead, AuxiliaryHeads, CtcHead
from ramospeech.model.kept import KeptStates
from ramospeech.model.layers.padding import reversed_clips
from ramospeech.text import Vocabulary
from ramospeech.text.units import Units, units_of_model

if TYPE_CHECKING:
    from ramospeech.model.teacher import Teacher

OLD_NAMES = (("network.fc3.", "heads.ctc.output."), ("network.", "encoder."))  # of weights in files of version 0.1


class LabelledBatch(Protocol):
    """Waveforms (B, S), lengths (B,) in samples, labels (B, U), label_lengths (B,); taught: see `data.Batch`."""

    waveforms: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor
    taught: dict[object, tuple[Tensor, Tensor]] | None


class AcousticModel(nn.Module):
    """Waveforms (B, S) float32 in [-1, 1], (B,) samples -> states of the encoder, losses, log-posteriors of CTC.

    `augment`, where training sets one, takes features (B, T, F) and their lengths (B,) and returns features; it acts
    in training mode only and is never saved; nor is `auxiliary`, heads that training may add. With `kept` the states
    of the encoder's pretrained layers, which must not be trained then, are computed once for each clip, and `augment`
    acts on them. Raises ModelError for an unknown architecture, ValueError for a clip that is too short to give one
    frame or longer than the encoder takes.
    """

    augment: nn.Module | None
    auxiliary: AuxiliaryHeads | None
    encoder: Encoder
    kept: KeptStates | None
    summary: dict[str, Any]  # of the training, where the model comes from a file
    changed: dict[str, Any]  # sizes that differ from those in the file whose weights it starts from, as they are there
    new_units: tuple[str, ...]  # that this file does not know

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = Vocabulary(config.units)
        with torch.device("cpu"):  # its windows are not weights: wherever a file's shapes are built, they exist
            self.features = Features(config.features, config.normalise, config.framing)
        self.encoder = ENCODERS[config.architecture](self.features.bins, config.sizes)
        self.heads = nn.ModuleDict(
            {
                name: HEADS[name](self.encoder.dim, config.units, config.share_parts, self.encoder.output_bias, sizes)
                for name, sizes in zip(config.heads, config.head_sizes, strict=True)
            }
        )
        self.encoder.reset_parameters()
        self.head_weights = dict.fromkeys(config.heads, 1.0)
        self.augment = None
        self.auxiliary = None
        self.kept = None
        self.summary, self.changed, self.new_units = {}, {}, ()
        self.register_load_state_dict_pre_hook(_rename_old_weights)

    @property
    def units(self) -> Units:
        """What the units of the vocabulary are: how to read labels, and what text they make."""
        return units_of_model(self.config.unit_type, self.config.units)

    @property
    def ctc(self) -> CtcHead:
        """The CTC head. Raises ModelError for a model without one."""
        if "ctc" not in self.heads:
            raise ModelError(f"this model has no CTC head, only {', '.join(self.heads)}")
        head = self.heads["ctc"]
        assert isinstance(head, CtcHead)
        return head

    @property
    def attention(self) -> AttentionHead:
        """The attention head. Raises ModelError for a model without one."""
        if "attention" not in self.heads:
            raise ModelError(f"this model has no attention head, only {', '.join(self.heads)}")
        head = self.heads["attention"]
        assert isinstance(head, AttentionHead)
        return head

    @property
    def reduction(self) -> int:
        """Feature frames per frame of posteriors."""
        return self.encoder.reduction

    @property
    def seconds_per_frame(self) -> float:
        """Time from one frame of posteriors to the next."""
        return self.reduction * self.features.samples_per_frame / SAMPLE_RATE

    @property
    def frames_of_10_ms(self) -> float:
        """Frames of 10 ms per frame of posteriors: as clips are counted, whatever the hop of the features is."""
        samples = self.reduction * self.features.samples_per_frame
        return samples / HOP if samples % HOP else samples // HOP

    @property
    def min_samples(self) -> int:
        """Samples of the shortest clip that gives a frame of posteriors."""
        return self.features.min_samples(self.reduction)

    @property
    def silence(self) -> float:
        """Seconds that are put before and after a recording in inference."""
        return self.encoder.silence

    @property
    def max_frames(self) -> int | None:
        """Feature frames of the longest clip; None for any length."""
        return self.encoder.max_frames

    def piece_seconds(self, limit: float) -> float:
        """Return the seconds of audio to cut longer recordings into: `limit`, or the longest clip if that is less."""
        if self.max_frames is None:
            return limit
        return min(limit, self.max_frames * self.seconds_per_frame / self.reduction)

    @property
    def num_parameters(self) -> int:
        """Without those of auxiliary heads."""
        return sum(parameter.numel() for part in (self.encoder, self.heads) for parameter in part.parameters())

    def encode(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, S), (B,) samples to states (B, T', D), (B,) frames."""
        if self.kept is not None:
            states, frames = self.kept(self._lower_states, waveforms, lengths)
            return self._turned(*self.encoder.upper(self._augmented(states, frames), frames))
        features, lengths = self.features(waveforms, lengths)
        features, lengths = self._turned(self._augmented(features, lengths), lengths)
        return self._turned(*self.encoder(features, lengths))

    def _lower_states(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.lower(*self._turned(*self.features(waveforms, lengths)))

    def _turned(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return x (B, T, ...), (B,) frames from the end to the beginning where the model reads clips so; turned twice
        they are in the order of time."""
        return (reversed_clips(x, lengths) if self.config.framing.reverse_input else x), lengths

    def _augmented(self, x: Tensor, lengths: Tensor) -> Tensor:
        if self.augment is None or not self.training:
            return x
        return self.augment(x, lengths.to(x.device, non_blocking=True))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, S), (B,) samples to log-posteriors of the CTC head (B, T', V), (B,) frames."""
        states, lengths = self.encode(waveforms, lengths)
        return self.ctc(states), lengths

    def loss(self, batch: LabelledBatch, step: int = 0, teacher: "Teacher | None" = None) -> Loss:
        """Return the weighted sum of the losses of all heads; with a teacher its weight of it is the divergence from
        that. Auxiliary heads come on top.

        Where a head needs several views of each clip, the batch is repeated, and augmentation and dropout make the
        views differ. Sum and count are those of one view. A clip counts as skipped if any head skipped it.
        """
        views = max(head.views for head in self._heads())
        states, lengths = self.encode(batch.waveforms.repeat(views, 1), batch.lengths.repeat(views))
        labels, label_lengths = batch.labels.repeat(views, 1), batch.label_lengths.repeat(views)
        given = lengths, labels, label_lengths, step
        log_probs = self.ctc(states) if teacher is not None else None
        parts = [
            head.loss(states, *given) if log_probs is None or head is not self.ctc else head.loss_of(log_probs, *given)
            for head in self._heads()
        ]
        weighted = [self.head_weights[name] * part.sum for name, part in zip(self.heads, parts, strict=True)]
        # A clip that one head skips may count for another: CTC needs more frames than labels, a speller does not.
        count, skipped = (torch.stack(each).amax() for each in zip(*(part[1:] for part in parts), strict=True))
        total = Loss(sum(weighted[1:], weighted[0]), count, skipped)
        if teacher is not None and log_probs is not None:
            taught = teacher.loss(log_probs, lengths, batch)
            total = total._replace(sum=(1 - teacher.weight) * total.sum + teacher.weight * taught.sum)
        if self.auxiliary is not None:
            more = self.auxiliary.loss(states, lengths, labels, label_lengths)
            total = total._replace(sum=total.sum + more)
        return Loss(*(value / views for value in total)) if views > 1 else total

    def min_frames(self, labels: Sequence[int]) -> int:
        """Return frames of posteriors that a clip with these labels needs."""
        return max(head.min_frames(labels) for head in self._heads())

    def optimise_for_inference(self, exact_output: bool = True) -> None:
        """Make inference faster on the device of the model; it can no longer be trained or saved.

        exact_output: whether the output layer stays in float32.
        """
        self.encoder.optimise_for_inference()
        for head in self._heads():
            head.optimise_for_inference(exact_output)
        release_freed_memory()  # the weights that were replaced

    def tree(self) -> str:
        """Return the layers by name, as torch prints a module: those of the encoder, the output layer of the CTC head
        and the other heads."""
        layers: dict[str, nn.Module] = dict(self.encoder.named_children())
        for name, head in self.heads.items():
            layers |= {self.encoder.output_name: self.ctc.output} if name == "ctc" else {name: head}
        first = [name for name in self.encoder.printed if name in layers]
        names = dict.fromkeys([*first, *self.heads.keys() - {"ctc"}] if first else layers)
        lines = [f"({name}): {layers[name]!r}".replace("\n", "\n  ") for name in names]
        return "\n  ".join(["AcousticModel(", *lines]) + "\n)"

    def _heads(self) -> list[Any]:
        return list(self.heads.values())


def renamed(name: str) -> str:
    """Return the name of a weight now, of one in a file of version 0.1."""
    for old, new in OLD_NAMES:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _rename_old_weights(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    for name in [name for name in state if name.startswith(f"{prefix}network.")]:
        state[prefix + renamed(name.removeprefix(prefix))] = state.pop(name)
