"""What of a model learns, and how fast: frozen layers and heads, and the optimizer of the rest."""

from argparse import Namespace

import torch
from torch import nn

from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel
from ramospeech.model.pretrained import weights_in


def freeze(model: AcousticModel, layers: int) -> None:
    """Keep the weights of so many layers of the encoder, from the features up. Raises UsageError."""
    parts = model.encoder.pretrained_layers()
    if layers > len(parts):
        raise UsageError(f"--freeze {layers}: {model.config.architecture} has {len(parts)} parts to keep; give fewer")
    for part in parts[:layers]:
        part.requires_grad_(False)
        for module in part.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # for weights that learn


def freeze_output(model: AcousticModel, args: Namespace) -> None:
    """Keep the weights of the heads. Raises UsageError where --init_from did not bring all of them."""
    brought = weights_in(args.init_from, model.config.units)
    if new := [name for name in model.state_dict() if name.startswith("heads.") and name not in brought]:
        raise UsageError(f"--freeze_output: {args.init_from} has no weights for {new[0]}; leave that option out")
    model.heads.requires_grad_(False)


def make_optimizer(model: AcousticModel, args: Namespace) -> torch.optim.AdamW:
    """AdamW, with weight decay for matrices and kernels and none for biases and normalisation.

    With --layer_decay the layers that `--init_from` brought have lower rates, the lower the layer the lower; what lies
    above them has the rate --head_lr, and learns alone for --freeze_steps.
    """
    parts = model.encoder.pretrained_layers()
    scale = {id(p): args.layer_decay ** (len(parts) - i) for i, part in enumerate(parts) for p in part.parameters()}
    head = args.head_lr / args.lr if args.head_lr else 1.0
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            own = id(parameter) in scale
            key = (scale[id(parameter)] if own else head, parameter.ndim >= 2, own and args.freeze_steps > 0)
            groups.setdefault(key, []).append(parameter)
    # The order of the groups is that of version 0.1, whose training states are still resumed.
    ordered = sorted(groups.items(), key=lambda item: (-item[0][0], not item[0][1]))
    return torch.optim.AdamW(
        [
            {
                "params": members,
                "weight_decay": args.weight_decay if matrices else 0.0,
                "rate": rate,
                "frozen": args.freeze_steps if frozen else 0,
                "thaw": args.warmup if frozen else 1,
            }
            for (rate, matrices, frozen), members in ordered
        ],
        lr=args.lr,
        betas=(0.9, 0.98),
        fused=True,
    )
