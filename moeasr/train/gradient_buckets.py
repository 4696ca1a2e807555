"""The sum of the gradients of all processes, which starts while the backward pass still runs."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from moeasr import distributed

BUCKET_BYTES = 25 << 20
"""Size of the gradients that are summed together, as in DistributedDataParallel."""


@dataclass(eq=False)
class _Bucket:
    """Parameters whose gradients are summed by one collective operation."""

    parameters: list[nn.Parameter]
    waits_for: set[nn.Parameter]
    """The parameters whose gradients are not complete."""
    is_present: list[bool] = field(default_factory=list)
    """True for each parameter that has a gradient in this process."""
    flat: Tensor | None = None
    """The number of processes that have a gradient, by parameter, and the sums of the gradients."""
    wait: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Take the gradients from the parameters, and start to sum them."""
        self.is_present = [p.grad is not None for p in self.parameters]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        counts = gradients[0].new_tensor(self.is_present)
        self.flat = torch.cat([counts, *(gradient.flatten() for gradient in gradients)])
        for parameter in self.parameters:
            parameter.grad = None
        self.wait = distributed.start_sum(self.flat)

    def finish(self) -> None:
        """Wait for the sums, and give them to the parameters."""
        self.wait()
        sizes = [1] * len(self.parameters) + [p.numel() for p in self.parameters]
        parts = self.flat.split(sizes)
        for number, parameter in enumerate(self.parameters):
            if self.is_present[number] or parts[number] > 0:
                total = parts[len(self.parameters) + number]
                parameter.grad = total.view_as(parameter).to(parameter.dtype)


class GradientBuckets:
    """The gradients of a model, summed over all processes in buckets.

    A bucket is summed as soon as the backward pass of the last micro-batch has completed its
    gradients. All processes sum the buckets in the same order, which is about that of the backward
    pass. A process whose last micro-batch is left out sums its buckets after it. A gradient that
    some processes lack counts as 0 in these; a gradient that all of them lack remains None.

    Args:
        model: The model.
        bucket_bytes: Size from which on a bucket is full.
    """

    def __init__(self, model: nn.Module, bucket_bytes: int = BUCKET_BYTES) -> None:
        self._model, self._bucket_bytes = model, bucket_bytes
        self._left: deque[_Bucket] = deque()
        self._started: list[_Bucket] = []
        self._bucket_of: dict[nn.Parameter, _Bucket] = {}
        self._watched: set[nn.Parameter] = set()

    def start(self) -> None:
        """Let the next backward pass, the last one of a step, start the sums."""
        if distributed.world_size() == 1:
            return
        self._left = deque(_Bucket(cut, set(cut)) for cut in self._cut())
        self._bucket_of = {p: bucket for bucket in self._left for p in bucket.parameters}
        for parameter in self._bucket_of.keys() - self._watched:  # epochs train more and more
            parameter.register_post_accumulate_grad_hook(self._complete)
        self._watched |= self._bucket_of.keys()

    def finish(self) -> None:
        """Start the sums that have not been started, and wait for all."""
        if not self._bucket_of:
            self.start()
        while self._left:
            self._start_next()
        for bucket in self._started:
            bucket.finish()
        self._started, self._bucket_of = [], {}

    def _cut(self) -> Iterator[list[nn.Parameter]]:
        """Cut the trained parameters into buckets, in reverse order."""
        cut, num_bytes = [], 0
        for parameter in reversed([p for p in self._model.parameters() if p.requires_grad]):
            cut.append(parameter)
            num_bytes += parameter.numel() * parameter.element_size()
            if num_bytes >= self._bucket_bytes:
                yield cut
                cut, num_bytes = [], 0
        if cut:
            yield cut

    def _complete(self, parameter: nn.Parameter) -> None:
        """Note that the gradient of a micro-batch has been added to a parameter."""
        if parameter in self._bucket_of:
            self._bucket_of[parameter].waits_for.discard(parameter)
            while self._left and not self._left[0].waits_for:
                self._start_next()

    def _start_next(self) -> None:
        bucket = self._left.popleft()
        bucket.start()
        self._started.append(bucket)
