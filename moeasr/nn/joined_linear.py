"""Linear layers with the same input, computed by one product for inference on a CPU.

One product of three times as many outputs takes less time than three products, because each of them
quantises or copies its input. In a stream, this is a large part of the time of a layer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moeasr.nn.packed_linear import PackedLinear


def join_linear(layers: Sequence[nn.Linear], precision: str) -> list[nn.Module]:
    """Return modules that replace linear layers with biases, each of which gets the same input.

    The first module that gets an input computes the outputs of all, and the others return theirs.

    Args:
        layers: The layers.
        precision: One of `moeasr.nn.packed_linear.PRECISIONS`.
    """
    joined = _JoinedLinear(layers, precision)
    return [JoinedPart(joined, index) for index in range(len(layers))]


class _JoinedLinear:
    """The common product, and those of its outputs that no module has returned yet."""

    def __init__(self, layers: Sequence[nn.Linear], precision: str) -> None:
        weight = torch.cat([layer.weight.detach() for layer in layers])
        bias = torch.cat([layer.bias.detach() for layer in layers])
        self.packed = PackedLinear(weight, bias, precision)
        self._sizes = [layer.out_features for layer in layers]
        self._last: tuple[Tensor, dict[int, Tensor]] | None = None

    def take(self, index: int, x: Tensor) -> Tensor:
        """Return the output of one layer, and forget the input after that of the last layer.

        Threads may call this with their own inputs, because an input and its outputs are replaced
        together.
        """
        last = self._last
        if last is None or last[0] is not x or index not in last[1]:
            last = self._last = (x, dict(enumerate(self.packed(x).split(self._sizes, dim=-1))))
        output = last[1].pop(index)
        if not last[1]:
            self._last = None
        return output


class JoinedPart(nn.Module):
    """One of several linear layers that `join_linear` joined."""

    def __init__(self, joined: _JoinedLinear, index: int) -> None:
        super().__init__()
        self._joined = joined
        self._index = index

    @property
    def precision(self) -> str:
        """The precision of the layer."""
        return self._joined.packed.precision

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, (..., inputs) -> (..., outputs)."""
        return self._joined.take(self._index, x)
