"""All experts on all frames by two matrix products, for GPUs and small experts.

Sorting and gathering rows takes about twenty operations. A GPU needs a few microseconds to start
each of them, in which it could multiply the frames of a small batch by the weights of all experts.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.nn.feed_forward import Activation
from moeasr.nn.routing import Routing

CHEAP_MACS = 2**34
"""Multiply-adds of a forward pass up to which this kernel was the fastest on an H200, see
tools/bench/measure_gpu.py. In bfloat16 it still was with four times as many, but it stores the
hidden layer of all experts, so large batches would need more memory."""


def is_cheap(num_frames: int, shape: tuple[int, int, int]) -> bool:
    """Return whether running every expert on N frames takes no longer than sorting the frames.

    Args:
        num_frames: Number N of frames.
        shape: Number of experts, hidden width and model width.
    """
    return 2 * num_frames * math.prod(shape) <= CHEAP_MACS


def run_every_expert(
    x_ND: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
    routing: Routing,
    activation: Activation,
    dropout: float,
) -> Tensor:
    """Compute the weighted sum of the experts of each frame.

    Args:
        x_ND: Frames.
        weights: w1 (E, M, D), b1 (E, M), w2 (E, D, M), b2 (E, D).
        routing: The routing of the frames.
        activation: Activation function between the two products.
        dropout: Dropout rate of the hidden layer.

    Returns:
        The sums (N, D), in the precision of autocast or, without autocast, of the frames.
    """
    w1, b1, w2, b2 = weights
    num_experts, hidden_units, _ = w1.shape
    hidden = activation(F.linear(x_ND, w1.flatten(0, 1), b1.flatten()))  # (N, E * M)
    hidden = F.dropout(hidden, dropout)
    weights_NE = routing.weights_by_expert().to(hidden.dtype)
    weighed = hidden.unflatten(1, (num_experts, hidden_units)) * weights_NE[:, :, None]
    y_ND = weighed.flatten(1) @ w2.transpose(1, 2).flatten(0, 1)
    return torch.addmm(y_ND, weights_NE, b2)
