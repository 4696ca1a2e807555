"""All experts by two grouped matrix products, without making the host wait for the GPU.

`torch.nn.functional.grouped_mm` multiplies consecutive rows by the matrix of their group, and reads
the ends of the groups on the device. For bfloat16 on GPUs of compute capability 9.0 or higher it is
a single kernel, and a loop elsewhere.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.moe.dispatch import combine
from moeasr.nn.feed_forward import Activation
from moeasr.nn.routing import Routing

MIN_CAPABILITY = (9, 0)
ALIGNED_WIDTH = 8  # bfloat16 numbers in 16 bytes, of which the size of a row must be a multiple


def groups_products(x_ND: Tensor, shape: tuple[int, int, int]) -> bool:
    """Return whether the fast kernel supports these frames and experts under this autocast.

    Args:
        x_ND: Frames.
        shape: Number of experts, hidden width and model width.
    """
    return (
        x_ND.is_cuda
        and torch.is_autocast_enabled("cuda")
        and torch.get_autocast_dtype("cuda") == torch.bfloat16
        and torch.cuda.get_device_capability(x_ND.device) >= MIN_CAPABILITY
        and all(width % ALIGNED_WIDTH == 0 for width in shape[1:])
        and len(x_ND) > 0
    )


def run_grouped(
    x_ND: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
    routing: Routing,
    activation: Activation,
    dropout: float,
) -> Tensor:
    """Compute the weighted sum of the experts of each frame.

    Args:
        x_ND: Frames, at least one.
        weights: w1 (E, M, D), b1 (E, M), w2 (E, D, M), b2 (E, D).
        routing: The routing of the frames.
        activation: Activation function between the two products.
        dropout: Dropout rate of the hidden layer.

    Returns:
        The sums (N, D) in the precision of autocast or, without autocast, of the frames.
    """
    device = x_ND.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_ND.dtype
    w1, b1, w2, b2 = (weight.to(dtype) for weight in weights)
    ids_R = routing.expert_ids.flatten()
    order_R = ids_R.argsort(stable=True)
    expert_R = ids_R.index_select(0, order_R)
    # not bincount, which would wait for the GPU to learn the largest id
    ends_E = torch.searchsorted(expert_R, torch.arange(len(w1), device=ids_R.device), right=True)
    ends_E = ends_E.to(torch.int32)
    with torch.autocast(device, enabled=False):
        x_RD = x_ND.to(dtype).index_select(0, order_R // routing.expert_ids.size(1))
        hidden_RM = F.grouped_mm(x_RD, w1.transpose(1, 2), offs=ends_E)
        hidden_RM = activation(hidden_RM + b1.index_select(0, expert_R))
        if dropout > 0:
            hidden_RM = F.dropout(hidden_RM, dropout)
        rows_RD = F.grouped_mm(hidden_RM, w2.transpose(1, 2), offs=ends_E)
        rows_RD = rows_RD + b2.index_select(0, expert_R)
        return combine(rows_RD, routing.expert_weights, order_R)
