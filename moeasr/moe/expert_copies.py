"""Conversion of a dense feed-forward into a bank of experts, and of a bank into a feed-forward.

From a feed-forward to experts: sparse upcycling (Komatsuzaki et al., arXiv 2212.05055), which is
also how the authors of SpeechMoE and 3M initialise their experts. Every expert is a copy of the
dense feed-forward. Wherever the weights of the experts sum to 1, the mixture therefore computes the
same output, for any choice of the router.

From experts to a feed-forward: experts that were copied from one feed-forward have their hidden
units in the same order, so their average is meaningful. For experts that were trained from scratch,
the most used expert is the better choice.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.moe.experts import ExpertBank
from moeasr.nn.feed_forward import DenseFeedForward


class FeedForwardWeights(NamedTuple):
    """The weights of y = W2 f(W1 x + b1) + b2, or of E experts stacked along a first axis."""

    w1: Tensor
    """Matrix W1, (M, D) or stacked (E, M, D)."""
    b1: Tensor
    """Bias b1, (M,) or stacked (E, M)."""
    w2: Tensor
    """Matrix W2, (D, M) or stacked (E, D, M)."""
    b2: Tensor
    """Bias b2, (D,) or stacked (E, D)."""

    @classmethod
    def of_dense(cls, module: DenseFeedForward) -> "FeedForwardWeights":
        """Return the detached weights of a dense feed-forward."""
        parameters = (module.w1.weight, module.w1.bias, module.w2.weight, module.w2.bias)
        return cls(*(parameter.detach() for parameter in parameters))

    @classmethod
    def of_bank(cls, bank: ExpertBank) -> "FeedForwardWeights":
        """Return the detached, stacked weights of all experts in a bank."""
        return cls(*(parameter.detach() for parameter in (bank.w1, bank.b1, bank.w2, bank.b2)))


def copy_to_experts(dense: FeedForwardWeights, num_experts: int) -> FeedForwardWeights:
    """Return E stacked copies of a feed-forward."""
    return FeedForwardWeights(
        *(weight.expand(num_experts, *weight.shape).clone() for weight in dense)
    )


def add_noise(
    weights: FeedForwardWeights, noise: float, generator: torch.Generator
) -> FeedForwardWeights:
    """Add Gaussian noise of `noise` times the standard deviation of each tensor to the weights.

    The gradients of identical experts differ only because of the routing. Noise makes the experts
    different from the start, but the converted model is then no longer exactly the dense one.

    Args:
        weights: Weights of any number of experts, on the CPU.
        noise: Relative standard deviation; 0 leaves the weights unchanged.
        generator: Random number generator of the noise.
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
    """Return the mean of the experts' weights, weighted by each expert's share of the load.

    The sum is computed in float64, so that the average of equal float32 experts is bit-identical to
    each of them.

    Args:
        experts: Stacked weights.
        load: Number of assignments to each expert, (E,), not all 0.
    """
    share = load.double() / load.sum()
    return FeedForwardWeights(
        *(torch.tensordot(share, weight.double(), dims=1).to(weight.dtype) for weight in experts)
    )


def most_used_expert(experts: FeedForwardWeights, load: Tensor) -> FeedForwardWeights:
    """Return the weights of the expert with the largest load (E,), the first one in a tie."""
    best = int(load.argmax())
    return FeedForwardWeights(*(weight[best] for weight in experts))


DENSIFY_METHODS: dict[str, Callable[[FeedForwardWeights, Tensor], FeedForwardWeights]] = {
    "usage_average": average_experts,
    "most_used": most_used_expert,
}


def scale_output(dense: FeedForwardWeights, gain: float) -> FeedForwardWeights:
    """Return a feed-forward whose output is multiplied by `gain`."""
    return dense._replace(w2=dense.w2 * gain, b2=dense.b2 * gain)


def join(one: FeedForwardWeights, other: FeedForwardWeights) -> FeedForwardWeights:
    """Return a feed-forward that computes the sum of two, with the hidden units of both."""
    return FeedForwardWeights(
        torch.cat((one.w1, other.w1)),
        torch.cat((one.b1, other.b1)),
        torch.cat((one.w2, other.w2), dim=1),
        one.b2 + other.b2,
    )


def silence(experts: FeedForwardWeights) -> FeedForwardWeights:
    """Return the same experts with outputs of 0, as the start of a training beside other layers."""
    return experts._replace(w2=torch.zeros_like(experts.w2), b2=torch.zeros_like(experts.b2))
