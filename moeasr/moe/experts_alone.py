"""The experts that an utterance uses most, each run alone, so that each may learn to recognise."""

import torch
from torch import Tensor, nn

from moeasr.nn.routing import ExpertsAlone, Routing
from moeasr.nn.valid_frames import ValidFrames


def run_alone(
    experts: nn.Module, x_ND: Tensor, routing: Routing, valid: ValidFrames
) -> ExpertsAlone:
    """Run the K experts with the largest shares in each utterance on all of its frames.

    The share of an expert is the mean of its weights over the frames of the utterance, divided by
    the sum over the K experts. Shares have a gradient with respect to the router.

    Args:
        experts: The bank of experts, which is called once.
        x_ND: The N valid frames of the batch, inputs of the layer.
        routing: The routing of the frames, to K experts each.
        valid: Places of the frames in the batch.
    """
    num_frames, num_choices = routing.expert_ids.shape
    weights_NE = routing.weights_by_expert()
    sums_BE = valid.put(weights_NE).sum(dim=1)
    sums_BK, ids_BK = sums_BE.topk(num_choices, dim=1)
    least = torch.finfo(sums_BK.dtype).tiny
    shares_BK = sums_BK / sums_BK.sum(dim=1, keepdim=True).clamp(min=least)
    ids_NK = valid.take(ids_BK[:, None].expand(-1, valid.mask.size(1), -1))
    ids_R1 = ids_NK.reshape(-1, 1)  # each row is one frame at one expert
    alone = routing._replace(
        expert_ids=ids_R1, expert_weights=torch.ones_like(ids_R1, dtype=weights_NE.dtype)
    )
    y_RD = experts(x_ND.repeat_interleave(num_choices, dim=0), alone)
    states_NKD = x_ND[:, None] + y_RD.view(num_frames, num_choices, -1)
    states_BTKD = valid.put(states_NKD.flatten(1)).unflatten(2, (num_choices, -1))
    return ExpertsAlone(ids_BK, shares_BK, states_BTKD.transpose(1, 2))
