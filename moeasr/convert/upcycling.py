"""A trained dense model into one with experts (sparse upcycling, arXiv 2212.05055).

Experts must be as wide as the feed-forward they come from. Of narrower ones, say K of width M / K
each with its slice of the hidden units, a frame would need K with different slices; which slices a
router's K best have is left to chance.
"""

import torch

from moeasr.convert.transfer import (
    check_same_network,
    config_key,
    feed_forwards,
    hidden_units,
    load_transferred,
)
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.moe.expert_copies import (
    FeedForwardWeights,
    add_noise,
    copy_to_experts,
)
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.feed_forward import DenseFeedForward

logger = get_logger(__name__)


def upcycle_into(
    model: AsrModel, dense: AsrModel, noise: float, generator: torch.Generator
) -> list[str]:
    """Give `model` the weights of `dense`, each dense feed-forward copied to all experts there.

    Modules are matched by name. Feed-forwards that are of one type in both models are copied as
    they are. Routers of new experts, and SpeechMoE's embedding network that feeds them, keep what
    `model` has. With noise 0 `model` then computes what `dense` does wherever experts' weights sum
    to 1; where they do not, a warning says so.

    Args:
        model: The new model, on the CPU.
        dense: The trained one, on the CPU. It may have experts too, if not everywhere.
        noise: Standard deviation of Gaussian noise on the experts, see `add_noise`.
        generator: Of that noise.

    Returns:
        Names of the feed-forwards that became experts.

    Raises:
        InputError: The models do not fit, or there is nothing to convert. `model` is as it was.
    """
    if not noise >= 0:
        raise InputError(f"the noise must be 0 or more, but is {noise}")
    check_same_network(dense, model)
    sources, targets = feed_forwards(dense), feed_forwards(model)
    _check_feed_forwards(sources, targets)

    state = dense.state_dict()
    converted: list[str] = []
    for name, target in targets.items():
        source = sources.get(name)
        if isinstance(source, DenseFeedForward) and isinstance(target, MoEFeedForward):
            for key in source.state_dict():
                del state[f"{name}.{key}"]
            weights = FeedForwardWeights.of_dense(source)
            experts = copy_to_experts(weights, target.experts.num_experts)
            state.update({f"{name}.experts.{k}": v for k, v in experts._asdict().items()})
            state.update(target.router.state_dict(prefix=f"{name}.router."))
            converted.append(name)
    if not converted:
        raise InputError(
            "there is nothing to upcycle: no feed-forward is dense in the checkpoint and "
            "`type: moe` in the config"
        )
    if dense.embedding is None and model.embedding is not None:
        state.update(model.embedding.state_dict(prefix="embedding."))
    load_transferred(model, state)
    layers = [targets[name] for name in converted]
    if noise > 0:
        _add_noise(layers, noise, generator)
    _warn_of_weights(layers)
    return converted


def _check_feed_forwards(sources: dict, targets: dict) -> None:
    """Refuse feed-forwards that cannot be copied, all at once, with what to set instead."""
    wrong: dict[str, tuple[int, int]] = {}
    for name, target in targets.items():
        source = sources.get(name)
        if source is None:
            continue  # of the embedding network; any other is missed when weights are loaded
        key = config_key(name)
        if isinstance(source, MoEFeedForward) and isinstance(target, DenseFeedForward):
            raise InputError(
                f"`{key}` is `type: dense`, but {name} has experts in the checkpoint; "
                "`moeasr densify` makes a dense checkpoint of it"
            )
        if hidden_units(source) != hidden_units(target):
            wrong[f"{key}.hidden_units"] = hidden_units(target), hidden_units(source)
        if isinstance(source, MoEFeedForward):
            numbers = target.experts.num_experts, source.experts.num_experts
            if numbers[0] != numbers[1]:
                wrong[f"{key}.num_experts"] = numbers
    if wrong:
        faults = [f"`{k}` is {ours} but {theirs}" for k, (ours, theirs) in wrong.items()]
        remedy = " ".join(f"--set {k}={theirs}" for k, (_, theirs) in wrong.items())
        raise InputError(
            f"{', '.join(faults)} in the checkpoint. An expert is a copy of a whole feed-forward "
            "(a narrower one would drop hidden units), and experts already there stay as many as "
            f"they are: {remedy}"
        )


def _add_noise(layers: list[MoEFeedForward], noise: float, generator: torch.Generator) -> None:
    """Noise on every bank once, though blocks may share it."""
    banks = {id(layer.experts): layer.experts for layer in layers}
    for bank in banks.values():
        noisy = add_noise(FeedForwardWeights.of_bank(bank), noise, generator)
        bank.load_state_dict(noisy._asdict())


def _warn_of_weights(layers: list[MoEFeedForward]) -> None:
    """Say where the copy is not exact although the experts are."""
    inexact = [layer for layer in layers if not layer.router.weights_sum_to_one]
    if inexact:
        logger.warning(
            "`expert_weights: full` in %d of %d upcycled feed-forwards: the weights of a frame's "
            "experts do not sum to 1, so these give another output than the dense one, and "
            "training must make up for it; `expert_weights: selected` would be exact",
            len(inexact),
            len(layers),
        )
