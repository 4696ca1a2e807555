"""The front end's large convolution in bfloat16, for inference on a CPU."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TRIAL_ROUNDS = 3
TRIAL_SIZE = (33, 39)  # halved frames and mel bins of a streaming chunk of 16 encoder frames


class Bf16Conv2d(nn.Module):
    """A convolution with float32 inputs and outputs that computes in bfloat16, channels last.

    Like `moeasr.nn.packed_linear.PackedLinear`, it has no parameters.

    Args:
        conv: The float32 convolution to copy, without padding.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self._stride = conv.stride
        weight = conv.weight.detach()
        self._weight = weight.to(torch.bfloat16, memory_format=torch.channels_last)
        self._bias = None if conv.bias is None else conv.bias.detach().to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, channels, height, width) without padding."""
        x = x.to(torch.bfloat16, memory_format=torch.channels_last)
        return F.conv2d(x, self._weight, self._bias, self._stride).float()


def faster_conv(conv: nn.Conv2d) -> nn.Module:
    """Return the convolution or its `Bf16Conv2d`, whichever is faster in a trial of milliseconds.

    On a processor without bfloat16 instructions, bfloat16 is slower than float32.
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
