"""A routing loss that rewards experts which share the frames."""

from torch import Tensor

from moeasr.nn.routing import Routing


def negative_entropy(routing: Routing) -> Tensor:
    """Compute sum_j P_j log P_j of the mean probabilities; least if experts share the frames."""
    mean = routing.probs.mean(dim=0)
    return (mean * mean.clamp(min=1e-9).log()).sum()  # routers by group give some experts 0
