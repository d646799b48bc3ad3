"""Heads for training alone: CTC over the initials, the finals and the tones of the syllables.

CTC begins on a plateau: the network gives the blank for everything until it has found which sounds belong to which
labels, and with 2,140 syllables some seeds stay there long. Two dozen initials, three dozen finals and five tones are
each a hundred times as frequent as a syllable, so their losses should leave it sooner and take the encoder along.
"""

import torch
from torch import Tensor, nn

from ramospeech import losses
from ramospeech.text import parts


class AuxiliaryHeads(nn.Module):
    """States (B, T', D) -> a loss. `AcousticModel` has them in training only; model files do not.

    dim: D; units: of the model, syllables; weight: of the mean of the three losses in the loss of the model.
    """

    def __init__(self, dim: int, units: tuple[str, ...], weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.outputs = nn.ModuleDict()
        for name, classes in zip(parts.Parts._fields, (parts.INITIALS, parts.FINALS, parts.TONES), strict=True):
            # The blank is 0 here too; what is not a syllable has the class `other`, the last one.
            ids = [0] + [1 + classes.index(getattr(parts.split(unit), name)) for unit in units[1:]]
            self.outputs[name] = nn.Linear(dim, 1 + len(classes))
            self.register_buffer(f"{name}_ids", torch.tensor(ids), persistent=False)

    def loss(self, states: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
        """(B, T', D), (B,), (B, U) of units, (B,) -> the weighted mean of the losses, summed over the clips, in nats.

        A part of a clip that has too few frames (equal neighbours need a blank between them) adds nothing.
        """
        total = states.new_zeros((), dtype=torch.float32)
        for name, output in self.outputs.items():
            log_probs = output(states).log_softmax(-1, dtype=torch.promote_types(states.dtype, torch.float32))
            ids = self.get_buffer(f"{name}_ids")[labels.clamp(0, len(self.get_buffer(f"{name}_ids")) - 1)]
            total = total + losses.ctc(log_probs, lengths, ids, label_lengths).sum
        return self.weight / len(self.outputs) * total
