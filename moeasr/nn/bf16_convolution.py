"""The front end's large convolution for inference on a CPU with fewer bits."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TRIAL_ROUNDS = 3
TRIAL_SIZE = (33, 39)  # what a streaming chunk of 16 frames brings: frames, mel bins, both halved


class Bf16Conv2d(nn.Module):
    """A convolution of bfloat16 products with float32 in and out, channels last in memory.

    Like `moeasr.nn.packed_linear.PackedLinear` it has no parameters.

    Args:
        conv: Float32, without padding.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self._stride = conv.stride
        weight = conv.weight.detach()
        self._weight = weight.to(torch.bfloat16, memory_format=torch.channels_last)
        self._bias = None if conv.bias is None else conv.bias.detach().to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, height, width) of inputs to the same of outputs."""
        x = x.to(torch.bfloat16, memory_format=torch.channels_last)
        return F.conv2d(x, self._weight, self._bias, self._stride).float()


def faster_conv(conv: nn.Conv2d) -> nn.Module:
    """The convolution itself or a `Bf16Conv2d` of it: what a trial of milliseconds finds faster.

    A processor without bfloat16 instructions takes longer with them than without.
    """
    low = Bf16Conv2d(conv)
    x = torch.zeros(1, conv.in_channels, *TRIAL_SIZE)
    best_sec = {conv: float("inf"), low: float("inf")}
    with torch.inference_mode():
        for _ in range(TRIAL_ROUNDS):
            for candidate in best_sec:
                start_sec = time.perf_counter()
                candidate(x)
                best_sec[candidate] = min(best_sec[candidate], time.perf_counter() - start_sec)
    return min(best_sec, key=best_sec.__getitem__)
