"""First weights of a new model that differ from those of its layers."""

import torch
from torch import nn

UNIFORM = 0.08  # as Sutskever et al. 2014 and KoSpeech draw them
NORMALISATIONS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


@torch.no_grad()
def draw_uniform(model: nn.Module, limit: float) -> None:
    """Draw all weights that are trained evenly from -limit to limit, from torch's default generator; normalisations
    keep theirs."""
    for module in model.modules():
        if not isinstance(module, NORMALISATIONS):
            for parameter in module.parameters(recurse=False):
                if parameter.requires_grad:
                    parameter.uniform_(-limit, limit)
