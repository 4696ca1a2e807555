"""The front end's large convolution for inference on a CPU, in bfloat16 or in 8 bits.

Like `moeasr.nn.packed_linear.PackedLinear`, packed convolutions have no parameters. All of them are
fastest if the channels of their inputs are last in memory.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.nn.linear_kernels import quantize_inputs, quantize_weight

TRIAL_ROUNDS = 3
TRIAL_SIZE = (33, 39)  # halved frames and mel bins of a streaming chunk of 16 encoder frames
TOLERANCE = 0.05
"""Largest relative difference from the outputs in float32, as a ratio of norms."""


class Bf16Conv2d(nn.Module):
    """A convolution with float32 inputs and outputs that computes in bfloat16.

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


class Int8Conv2d(nn.Module):
    """A convolution with float32 inputs and outputs that computes in 8 bits.

    Weights have one scale per output channel, inputs one scale per call. The oneDNN operator is
    private to PyTorch, like those of `moeasr.nn.linear_kernels`.

    Args:
        conv: The float32 convolution to copy, without padding.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.detach()
        quantized = quantize_weight(weight.flatten(1))
        self._scales = quantized.q_per_channel_scales().float()
        self._zero_points = torch.zeros(weight.size(0), dtype=torch.int32)
        self._bias = None if conv.bias is None else conv.bias.detach().clone()
        self._geometry = (list(conv.stride), [0, 0], [1, 1], 1)
        self._weight = torch.ops.onednn.qconv_prepack(
            quantized.int_repr().view(weight.shape), self._scales, 1.0, 0, *self._geometry
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, channels, height, width) without padding."""
        codes, scale, zero_point = quantize_inputs(x.permute(0, 2, 3, 1))
        inputs = (codes.permute(0, 3, 1, 2), scale, zero_point)
        weights = (self._weight, self._scales, self._zero_points, self._bias)
        outputs = (1.0, 0, torch.float32, "none", [], "")
        return torch.ops.onednn.qconv2d_pointwise(*inputs, *weights, *self._geometry, *outputs)


PACKED_CONVOLUTIONS: dict[str, tuple[Callable[[nn.Conv2d], nn.Module], ...]] = {
    "fp32": (),
    "bf16": (Bf16Conv2d,),
    "int8": (Bf16Conv2d, Int8Conv2d),
}
"""Convolutions that may replace one in float32, by the precision of the model."""


def sums_are_exact(make: Callable[[nn.Conv2d], nn.Module]) -> bool:
    """Return whether a convolution adds products of the largest inputs and weights correctly.

    See `moeasr.nn.kernel_trial.sums_are_exact`.
    """
    conv = nn.Conv2d(64, 16, 3)
    nn.init.ones_(conv.weight)
    nn.init.zeros_(conv.bias)
    wanted = 64 * 3 * 3
    return bool((make(conv)(torch.ones(1, 64, 5, 5)) - wanted).abs().max() < 0.01 * wanted)


def fastest_conv(conv: nn.Conv2d, precision: str) -> nn.Module:
    """Return the fastest of `conv` and the packed convolutions, timed for some milliseconds.

    They are timed because bfloat16 is slower than float32 on a processor without bfloat16
    instructions. A packed convolution is skipped if this build of PyTorch lacks its operator, or if
    its outputs are wrong.

    Args:
        conv: A float32 convolution without padding, dilation and groups.
        precision: The precision of the model, one of `PACKED_CONVOLUTIONS`.
    """
    conv = conv.to(memory_format=torch.channels_last)
    x = torch.rand(1, conv.in_channels, *TRIAL_SIZE, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    best_sec: dict[nn.Module, float] = {conv: float("inf")}
    with torch.inference_mode():
        wanted = conv(x)
        for make in PACKED_CONVOLUTIONS[precision]:
            try:
                packed = make(conv)
                if not sums_are_exact(make):
                    continue
                if (packed(x) - wanted).norm() <= TOLERANCE * wanted.norm():
                    best_sec[packed] = float("inf")
            except (RuntimeError, AttributeError):  # this build of PyTorch lacks the operator
                continue
        for _ in range(TRIAL_ROUNDS):
            for candidate in best_sec:
                start_sec = time.thread_time()
                candidate(x)
                best_sec[candidate] = min(best_sec[candidate], time.thread_time() - start_sec)
    return min(best_sec, key=best_sec.__getitem__)
