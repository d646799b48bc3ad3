"""What a training step cannot be faster than on a device: by its operations, and by the bytes that it moves."""

import time
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from ramospeech.data import Batch
from ramospeech.model import ModelConfig
from ramospeech.training import Trainer


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bound(trainer: Trainer, batch: Batch, amp: str) -> tuple[str, float]:
    """Which of the two limits a step of an acoustic model, and the seconds that it takes at least.

    The operations of the step at the rate of a large matrix product, or the bytes that its operations read and write
    at the rate of a large copy, both measured here. Takes two steps.
    """
    with FlopCounterMode(display=False) as operations:
        trainer.step(batch, lr=1e-4)
    with Traffic() as traffic:
        trainer.step(batch, lr=1e-4)
    product, copy = _rates(trainer.device, amp)
    # On a CPU the LSTM is many operations, which are counted; with CUDA it is one, whose inside is not seen.
    recurrent = _recurrent_operations(trainer.model.config, batch) if trainer.device.type == "cuda" else 0.0
    times = {"operations": (operations.get_total_flops() + recurrent) / product, "bytes": traffic.bytes / copy}
    limit = max(times, key=times.__getitem__)
    return limit, times[limit]


class Traffic(TorchDispatchMode):
    """Sums the bytes of the tensors that operations read and write; views cost nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if not any(r.alias_info is not None and not r.alias_info.is_write for r in function._schema.returns):
            for tensor in tree_leaves((args, kwargs, result)):
                if isinstance(tensor, torch.Tensor):
                    self.bytes += tensor.numel() * tensor.element_size()
        return result


def _recurrent_operations(config: ModelConfig, batch: Batch) -> float:
    """Of the LSTM, forward and backward: its kernel is one operation whose inside torch's counter does not see."""
    sizes = config.sizes
    frames = batch.padded_amount * 100 / sizes.reduction
    inputs = [sizes.fc, *[2 * sizes.rnn] * (sizes.rnn_layers - 1)]
    return 3 * frames * sum(2 * 2 * 4 * sizes.rnn * (width + sizes.rnn) for width in inputs)


def _rates(device: torch.device, amp: str) -> tuple[float, float]:
    """Operations and bytes per second: of a large matrix product in the precision of `amp`, and of a large copy."""
    size, large = (8192, 2**28) if device.type == "cuda" else (512, 2**22)
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16 if amp == "bf16" else torch.float32)
    x = torch.zeros(large, device=device)
    best = []
    for work, amount in ((lambda: a @ a, 2.0 * size**3), (x.clone, 2.0 * 4 * large)):
        times = []
        for _ in range(6):
            synchronize(device)
            start = time.perf_counter()
            work()
            synchronize(device)
            times.append(time.perf_counter() - start)
        best.append(amount / min(times))
    return best[0], best[1]
