"""Gradients summed over the workers, in messages that are sent while the backward pass makes the rest.

As torch's DistributedDataParallel does it (Li et al., arXiv 2006.15704): the gradients of the last layers are there
first, so they are sent first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from ramospeech.parallel.workers import Workers

MESSAGE = 4 << 20  # gradients in a message, at least; a smaller model has one


@dataclass
class _Message:
    """Gradients that are sent together, and `more` values; flat (N + more,): all; parts: of it, for each parameter."""

    parameters: Sequence[nn.Parameter]
    more: int
    flat: Tensor = field(init=False)
    parts: list[Tensor] = field(init=False)
    missing: int = 0  # gradients of this step that the backward pass has not made yet
    receive: Callable[[], object] = lambda: None  # waits for the sums, once the message is sent

    def __post_init__(self) -> None:
        sizes = [parameter.numel() for parameter in self.parameters]
        self.flat = self.parameters[0].new_empty(sum(sizes) + self.more, requires_grad=False)
        self.parts = list(self.flat[: sum(sizes)].split(sizes))

    def fill(self) -> None:
        """Copy the gradients into `flat`, and make them views of it; one that is not there counts as zeros."""
        for parameter, part in zip(self.parameters, self.parts, strict=True):
            part.zero_() if parameter.grad is None else part.copy_(parameter.grad.flatten())
            parameter.grad = part.view_as(parameter)


class GradientSums:
    """Sums the gradients of parameters over the workers, step by step.

    Call `begin` before the backward pass that completes them, and `end` after it, on every worker.

    Args:
        workers: that have such parameters in this order.
        parameters: of one type and device.
        totals: how many numbers are summed with them.
        precision: "fp32", "fp16" or "bf16", in which gradients are sent.
        message: gradients in a message, at least.
    """

    def __init__(
        self,
        workers: Workers,
        parameters: Sequence[nn.Parameter],
        totals: int,
        precision: str = "fp32",
        message: int = MESSAGE,
    ) -> None:
        self.workers, self.totals, self.precision = workers, totals, precision
        self.messages: list[_Message] = []
        self._sent, self._early = 0, False
        if workers.size == 1:
            return
        groups: list[list[nn.Parameter]] = [[]]
        for parameter in reversed(parameters):
            if sum(each.numel() for each in groups[-1]) >= message:
                groups.append([])
            groups[-1].append(parameter)
        for group in groups:
            self.messages.append(_Message(group, totals if group is groups[-1] else 0))
        for sent_early in self.messages[:-1]:  # the last one waits for the totals
            for parameter in sent_early.parameters:
                if parameter.requires_grad:
                    parameter.register_post_accumulate_grad_hook(lambda _, of=sent_early: self._made(of))

    def begin(self) -> None:
        """Let the backward pass that comes send messages as soon as they are complete.

        Not where it has collectives of its own: a worker with another batch could have them in another order.
        """
        self._sent, self._early = 0, not self.workers.collectives_in_backward
        for message in self.messages:
            message.missing = sum(parameter.requires_grad for parameter in message.parameters)

    def end(self, totals: Tensor) -> Tensor:
        """Replace the gradients by their sums, and return the sums of `totals` (M,), exact but for float32."""
        self._early = False
        if not self.messages:
            return totals
        while self._sent < len(self.messages) - 1:
            self._send_next()
        last = self.messages[-1]
        last.fill()
        gradients, tail = last.flat.split([last.flat.numel() - self.totals, self.totals])
        exact = self.precision == "fp32"  # else the totals have a message of their own
        tail.copy_(totals)
        last.receive = self._begin_sum(last.flat if exact else gradients)
        for message in self.messages:
            message.receive()
        return tail.to(totals, copy=True) if exact else self.workers.all_reduce(totals)

    def _made(self, message: _Message) -> None:
        """Take note of a gradient; send what is complete, in order, which other workers may reach otherwise."""
        if not self._early:
            return
        message.missing -= 1
        while self._sent < len(self.messages) - 1 and not self.messages[self._sent].missing:
            self._send_next()

    def _send_next(self) -> None:
        message = self.messages[self._sent]
        message.fill()
        message.receive = self._begin_sum(message.flat)
        self._sent += 1

    def _begin_sum(self, gradients: Tensor) -> Callable[[], object]:
        """Begin to sum them in place, in the precision in which they are sent; return what waits for that."""
        if self.precision == "fp32":
            return self.workers.begin_all_reduce(gradients, self._sent)
        half = self.precision == "fp16"
        sent = (gradients / self.workers.size).half() if half else gradients.bfloat16()  # a sum may be beyond its range
        receive = self.workers.begin_all_reduce(sent, self._sent)

        def received() -> None:
            receive()
            gradients.copy_(sent)
            if half:
                gradients.mul_(self.workers.size)

        return received
