"""Training with the whole model in every process, which is also the interface of `Sharding`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import Tensor, nn

from moeasr import distributed
from moeasr.train.gradient_buckets import BUCKET_BYTES, GradientBuckets

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")


class Replication:
    """A model that every process holds completely. Its gradients are summed once per step.

    The sums start during the backward pass of the last micro-batch, see `GradientBuckets`. A
    process may omit a bad micro-batch without the others.

    Args:
        model: The model, already on its device.
        bucket_bytes: Size of the gradients that are summed together.
    """

    def __init__(self, model: nn.Module, bucket_bytes: int = BUCKET_BYTES) -> None:
        self._model = model
        self._gradients = GradientBuckets(model, bucket_bytes)

    def run(self, function: Callable[[InputT], OutputT], value: InputT) -> OutputT:
        """Call a function that uses the model."""
        return function(value)

    def backward(self, loss: Tensor, counts: bool, is_last: bool) -> None:
        """Add the gradient of a micro-batch.

        Every process calls this function equally often.

        Args:
            loss: The loss of the micro-batch, summed over its utterances.
            counts: False if the micro-batch is left out, because its loss is not finite.
            is_last: True if `sum_gradients` follows before the next micro-batch.
        """
        if is_last:
            self._gradients.start()
        if counts:
            loss.backward()

    def sum_gradients(self, weight: Tensor) -> Tensor:
        """Sum the gradients of all processes in place, and return their total number of utterances.

        Args:
            weight: () number of utterances of this process.
        """
        self._gradients.finish()
        return distributed.sum_over_ranks(weight)

    @contextmanager
    def whole_model(self) -> Iterator[None]:
        """Let each process run the model independently, without gradients; all processes enter."""
        yield

    def state(self) -> dict[str, Tensor]:
        """Return the state of the model as this process holds it."""
        return self._model.state_dict()

    def whole(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return a state with undivided tensors, which only the first process may use."""
        return dict(state)

    @property
    def keeps_average(self) -> bool:
        """True if this process keeps a part of the moving average of the weights."""
        return distributed.is_main()
