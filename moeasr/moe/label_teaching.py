"""Teaching of routers by labels of utterances, such as accents, whose influence fades in training.

MoE-CTC (arXiv 2602.01967) routes by the accent at first, and without labels in the end. We have
read only the abstract, so the formulas are our choice. Of E experts, expert e belongs to label
floor(e L / E) of the L labels. p_e is the share of the expert in the softmax over all E scores of a
frame, and P the sum of p over the experts of the utterance's label.
"""

import torch
from torch import Tensor

from moeasr.moe.router import ExpertWeights, select_top_k
from moeasr.nn.routing import Routing


def label_of_experts(num_experts: int, num_labels: int, device: torch.device) -> Tensor:
    """Return the index of the label of each expert, (E,); labels have about equally many."""
    return torch.arange(num_experts, device=device) * num_labels // num_experts


def route_by_labels(
    routing: Routing, label_weights_NL: Tensor, expert_weights: ExpertWeights
) -> Routing:
    """Return the routing by q = (1 - a) p + a p_label, where p_label is p / P, or 0 for the experts
    of other labels.

    With a = 1, a frame uses only experts of its label, if there are K of them. With a = 0, nothing
    changes. `logits` and `probs` remain those without labels, to which losses apply.

    Args:
        routing: The routing of N frames without labels.
        label_weights_NL: The weight a of each frame at its label, and 0 at the other labels; all 0
            for an unknown label.
        expert_weights: Normalisation of the weights, see `select_top_k`.
    """
    num_labels = label_weights_NL.size(1)
    owners_E = label_of_experts(routing.num_experts, num_labels, label_weights_NL.device)
    label_weights_NL = label_weights_NL.to(routing.logits.dtype)
    own_NE, weight_N1 = label_weights_NL[:, owners_E], label_weights_NL.sum(dim=1, keepdim=True)
    # P may underflow and a / P overflow; their logarithms do not
    is_other_NE = (own_NE == 0) & (weight_N1 > 0)  # with an unknown label, P is the sum of all p
    log_probs_NE = routing.logits.log_softmax(dim=-1).masked_fill(is_other_NE, -torch.inf)
    least = torch.finfo(routing.logits.dtype).tiny
    log_told_NE = own_NE.clamp(min=least).log() - log_probs_NE.logsumexp(dim=1, keepdim=True)
    log_rest_N1 = (1 - weight_N1).clamp(min=least).log()
    log_factor_NE = torch.where(own_NE > 0, torch.logaddexp(log_rest_N1, log_told_NE), log_rest_N1)
    logits_NE = routing.logits + log_factor_NE  # log (q / p)
    told = select_top_k(logits_NE, routing.expert_ids.size(1), expert_weights)
    return told._replace(logits=routing.logits, probs=routing.probs)


def label_log_probs(routing: Routing, labels_N: Tensor, num_labels: int) -> Tensor:
    """Return log P of each frame, (N,).

    Args:
        routing: The routing of N frames.
        labels_N: Index of the label of each frame.
        num_labels: Number L of labels.
    """
    owners_E = label_of_experts(routing.num_experts, num_labels, labels_N.device)
    log_probs_NE = routing.logits.log_softmax(dim=-1)
    is_other = owners_E != labels_N[:, None]
    return log_probs_NE.masked_fill(is_other, -torch.inf).logsumexp(dim=1)
