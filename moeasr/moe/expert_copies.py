"""One dense feed-forward into experts, and a bank of experts back into one.

Into experts: sparse upcycling (Komatsuzaki et al., arXiv 2212.05055); the authors of SpeechMoE and
of 3M start their experts so as well. As every expert is the dense feed-forward, the mixture gives
what that gave wherever the experts' weights sum to 1, whatever the router says.

Back: experts that grew from one feed-forward have their hidden units in one order, so that their
average means something; of experts trained from scratch the most used one is the better guess.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.moe.experts import ExpertBank
from moeasr.nn.feed_forward import DenseFeedForward


class FeedForwardWeights(NamedTuple):
    """The weights of y = W2 silu(W1 x + b1) + b2, or of E such, stacked along a first axis."""

    w1: Tensor
    """(M, D), stacked (E, M, D)."""
    b1: Tensor
    """(M,), stacked (E, M)."""
    w2: Tensor
    """(D, M), stacked (E, D, M)."""
    b2: Tensor
    """(D,), stacked (E, D)."""

    @classmethod
    def of_dense(cls, module: DenseFeedForward) -> "FeedForwardWeights":
        """Those of a dense feed-forward, detached."""
        parameters = (module.w1.weight, module.w1.bias, module.w2.weight, module.w2.bias)
        return cls(*(parameter.detach() for parameter in parameters))

    @classmethod
    def of_bank(cls, bank: ExpertBank) -> "FeedForwardWeights":
        """Those of all experts, stacked and detached."""
        return cls(*(parameter.detach() for parameter in (bank.w1, bank.b1, bank.w2, bank.b2)))


def copy_to_experts(dense: FeedForwardWeights, num_experts: int) -> FeedForwardWeights:
    """E copies of a feed-forward, stacked."""
    return FeedForwardWeights(
        *(weight.expand(num_experts, *weight.shape).clone() for weight in dense)
    )


def add_noise(
    weights: FeedForwardWeights, noise: float, generator: torch.Generator
) -> FeedForwardWeights:
    """The weights, with Gaussian noise of `noise` times each tensor's standard deviation.

    Equal experts all get the same gradient but for the routing; noise tells them apart at once, and
    costs exactness.

    Args:
        weights: Of any number of experts, on the CPU.
        noise: 0 leaves the weights as they are.
        generator: Where the noise comes from.
    """
    return FeedForwardWeights(
        *(
            weight
            + noise
            * weight.std(correction=0)
            * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            for weight in weights
        )
    )


def average_experts(experts: FeedForwardWeights, load: Tensor) -> FeedForwardWeights:
    """The mean of the experts' weights, each expert counting by its share of the load.

    Summed in float64: of equal float32 experts the average is that expert, bit for bit.

    Args:
        experts: Stacked.
        load: (E,) assignments to each expert, not all 0.
    """
    share = load.double() / load.sum()
    return FeedForwardWeights(
        *(torch.tensordot(share, weight.double(), dims=1).to(weight.dtype) for weight in experts)
    )


def most_used_expert(experts: FeedForwardWeights, load: Tensor) -> FeedForwardWeights:
    """The weights of the expert with the largest load (E,); of equals, the first."""
    best = int(load.argmax())
    return FeedForwardWeights(*(weight[best] for weight in experts))


DENSIFY_METHODS: dict[str, Callable[[FeedForwardWeights, Tensor], FeedForwardWeights]] = {
    "usage_average": average_experts,
    "most_used": most_used_expert,
}


def scale_output(dense: FeedForwardWeights, gain: float) -> FeedForwardWeights:
    """A feed-forward with `gain` times the output."""
    return dense._replace(w2=dense.w2 * gain, b2=dense.b2 * gain)
