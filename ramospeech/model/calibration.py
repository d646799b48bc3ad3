"""What the linear layers of a model see in recordings, so that their weights are rounded for it: see `quantise`."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from ramospeech.model.acoustic import AcousticModel


@torch.inference_mode()
def input_moments(model: AcousticModel, clips: Iterable[np.ndarray]) -> dict[str, Tensor]:
    """Return the sum of the products of the inputs of each linear layer of the encoder and the CTC head, (N, N)
    float32, by the name of its weight.

    clips: waveforms (S,) float32; those that the model cannot take, being too short or too long, are passed over.
    """
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    moments = {f"{name}.weight": torch.zeros(2 * (module.in_features,)) for name, module in linear.items()}

    def watching(name: str) -> "torch.utils.hooks.RemovableHandle":
        def seen(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            rows = inputs[0].flatten(0, -2).float()
            moments[f"{name}.weight"].addmm_(rows.T, rows)

        return linear[name].register_forward_pre_hook(seen)

    handles = [watching(name) for name in linear]
    longest = model.max_frames or np.inf
    try:
        for clip in clips:
            if model.min_samples <= len(clip) <= longest * model.features.samples_per_frame:
                states, _ = model.encode(torch.from_numpy(clip)[None], torch.tensor([len(clip)]))
                if "ctc" in model.heads:
                    model.ctc(states)
    finally:
        for handle in handles:
            handle.remove()
    return {name: each for name, each in moments.items() if each.any()}
