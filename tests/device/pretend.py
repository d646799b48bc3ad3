"""A pretended second device: its tensors compute on the CPU and refuse what a real GPU refuses.

Inside `pretended_device()` the device "meta" holds data. As with CUDA, an operation whose tensors lie on two devices
fails, as does `.numpy()` of a tensor there. So mistakes about devices are found on machines without a GPU.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")
aten = torch.ops.aten
# As with CUDA: lengths of packed sequences and of CTC are on the CPU, indices may be, and copies go anywhere.
MAY_MIX = {
    aten._pack_padded_sequence.default,
    aten._pad_packed_sequence.default,
    aten._pack_padded_sequence_backward.default,
    aten.ctc_loss.Tensor,
    aten._ctc_loss.Tensor,
    aten._ctc_loss_backward.Tensor,
    aten.index.Tensor,
    aten.index_put_.default,
    aten.copy_.default,
}
STAYS_ON_CPU = {aten._pack_padded_sequence.default: 1, aten._pad_packed_sequence.default: 1}  # of the results, which


class Pretended(torch.Tensor):
    """A tensor on the pretended device; `data_there` is the CPU tensor with its numbers."""

    data_there: torch.Tensor

    @staticmethod
    def __new__(cls, data: torch.Tensor) -> "Pretended":
        made = torch.Tensor._make_wrapper_subclass(
            cls, data.shape, strides=data.stride(), dtype=data.dtype, layout=data.layout, device=DEVICE
        )
        made.data_there = data
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretended({self.data_there})"

    def tolist(self) -> Any:
        return self.data_there.tolist()

    def __deepcopy__(self, memo: dict) -> "Pretended":
        return self.clone()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees what makes tensors on the device out of none, such as torch.zeros(2, device="meta")."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


def _run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in given if isinstance(tensor, Pretended)]
    here = [tensor for tensor in given if not isinstance(tensor, Pretended) and tensor.ndim]
    if there and here and function not in MAY_MIX:
        raise RuntimeError(f"{function}: tensors on two devices, {DEVICE} and {here[0].device}")
    asked = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.device)]
    goes_there = asked[0] == DEVICE if asked else bool(there)
    args, kwargs = tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
    wrappers = {id(tensor.data_there): tensor for tensor in there}
    args, kwargs = tree_map_only(Pretended, lambda tensor: tensor.data_there, (args, kwargs))
    with torch.utils._python_dispatch._disable_current_modes():
        result = function(*args, **kwargs)
    if not goes_there:
        return result
    if function is aten.copy_.default and not isinstance(given[0], Pretended):
        return result  # a copy to the CPU
    if function in STAYS_ON_CPU:
        return tuple(tensor if i == STAYS_ON_CPU[function] else Pretended(tensor) for i, tensor in enumerate(result))
    # What an operation changes in place is the tensor that it was given.
    return tree_map_only(
        torch.Tensor, lambda tensor: wrappers[id(tensor)] if id(tensor) in wrappers else Pretended(tensor), result
    )


@contextlib.contextmanager
def pretended_device() -> Iterator[torch.device]:
    """The device "meta" holds data while the block runs."""
    autocast = torch.autocast

    def known(device_type: str, *args: Any, **options: Any) -> Any:
        return contextlib.nullcontext() if device_type == DEVICE.type else autocast(device_type, *args, **options)

    torch.autocast = known  # type: ignore[assignment, misc]  # torch refuses to name "meta", even to switch it off
    try:
        with _Mode():
            yield DEVICE
    finally:
        torch.autocast = autocast  # type: ignore[misc]
