"""Networks without weights: what a file must hold is known before anything large is allocated."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FILLING = frozenset({torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.zero_, torch.Tensor.fill_})


class _Unfilled(TorchFunctionMode):
    """Leaves out what fills new weights: for tensors that hold nothing torch would load its compiler first, 80 MB."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in FILLING or getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Modules that are built in the block have parameters of the right shapes and no memory."""
    with torch.device("meta"), _Unfilled():
        yield
