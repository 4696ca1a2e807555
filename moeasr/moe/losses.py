"""Routing losses: pure functions of a `Routing`, each a mean over its valid frames.

Padding does not affect them, because a `Routing` has no row for it. With several processes or
gradient accumulation, each loss is computed per micro-batch, so every micro-batch must be balanced.
"""

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, cast

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.families import look_up
from moeasr.moe.stats import expert_load
from moeasr.nn.routing import Routing


def sparsity_l1_loss(routing: Routing) -> Tensor:
    """Compute SpeechMoE's sparsity L1 loss (arXiv 2105.03036, section 3.3).

    L_s = (1/N) sum_n || p_n / ||p_n||_2 ||_1. It ranges from 1 (each frame has one expert with
    probability 1) to sqrt(E) (uniform probabilities).
    """
    probs = routing.probs
    return (probs / probs.norm(dim=-1, keepdim=True)).sum(dim=-1).mean()


def mean_importance_loss(routing: Routing) -> Tensor:
    """Compute SpeechMoE's mean importance loss (arXiv 2105.03036, section 3.3).

    L_m = E sum_j ((1/N) sum_n p_nj)^2. It ranges from 1 (equal mean probability of all experts) to
    E (all probability on one expert).
    """
    return routing.num_experts * routing.probs.mean(dim=0).square().sum()


def switch_balance_loss(routing: Routing) -> Tensor:
    """Compute the load-balancing loss of Switch Transformers (arXiv 2101.03961, equation 4).

    The loss is E sum_j f_j P_j, where f_j is the share of assignments to expert j and P_j its mean
    probability. It is 1 if the load is balanced. Only the probabilities have a gradient.
    """
    share = expert_load(routing) / routing.expert_ids.numel()
    return routing.num_experts * (share * routing.probs.mean(dim=0)).sum()


def z_loss(routing: Routing) -> Tensor:
    """Compute the z-loss, which keeps router logits small (ST-MoE, arXiv 2202.08906, equation 5).

    The loss is (1/N) sum_n logsumexp(r_n)^2.
    """
    return routing.logits.logsumexp(dim=-1).square().mean()


ROUTING_LOSSES: dict[str, Callable[[Routing], Tensor]] = {
    "sparsity_l1": sparsity_l1_loss,
    "mean_importance": mean_importance_loss,
    "switch_balance": switch_balance_loss,
    "z": z_loss,
}


def find_routing_loss(name: str) -> Callable[[Routing], Tensor]:
    """Return the routing loss of a name or an import path.

    The signature of an imported function must say that it takes a `Routing`, so that a config
    cannot call any function there is.

    Args:
        name: A name in `ROUTING_LOSSES`, or an import path.

    Raises:
        InputError: The name is unknown, or the path is not that of a routing loss.
    """
    try:
        loss = look_up(ROUTING_LOSSES, name, object)
    except InputError as error:
        raise InputError(f"`routing_losses`: {error}") from None
    if name not in ROUTING_LOSSES and not _takes_routing(loss):
        raise InputError(
            f"`routing_losses`: '{name}' must be a function of a Routing alone, whose signature "
            f"says so: `def {name.rpartition('.')[2]}(routing: moeasr.nn.routing.Routing)`"
        )
    return cast("Callable[[Routing], Tensor]", loss)


def sum_routing_loss(name: str, routings: Sequence[Routing]) -> Tensor:
    """Compute a routing loss of several MoE layers: the sum of the losses of each, ().

    Args:
        name: As in `find_routing_loss`.
        routings: The routings of the layers, at least one.

    Raises:
        InputError: A loss of the user's own returns something else than a tensor ().
    """
    loss_of = find_routing_loss(name)
    losses = [loss_of(routing) for routing in routings]
    if not all(isinstance(loss, Tensor) and loss.dim() == 0 for loss in losses):
        raise InputError(
            f"the routing loss '{name}' must return a tensor without dimensions, such as the mean "
            "of what it computes"
        )
    return torch.stack(losses).sum()


def _takes_routing(function: Any) -> bool:
    if not isinstance(function, FunctionType):
        return False
    try:
        parameters = inspect.signature(function, eval_str=True).parameters.values()
    except Exception:  # annotations of the user's may raise anything
        return False
    return [parameter.annotation for parameter in parameters] == [Routing]
