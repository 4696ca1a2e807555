"""Sparse upcycling: conversion of a dense model into one with experts (arXiv 2212.05055).

In a layer with a shared expert (`shared_expert_units`), the dense feed-forward becomes the shared
expert. The routed experts begin with outputs of 0, so they may have any width. In all other layers,
each expert is a copy of the feed-forward.

These copies must be as wide as the feed-forward. Narrower experts of width M / K would each hold
one slice of the hidden units, and a frame would need K experts with different slices. The K best
experts of an untrained router do not have different slices in general.
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
    silence,
)
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.feed_forward import DenseFeedForward

logger = get_logger(__name__)


def upcycle_into(
    model: AsrModel, dense: AsrModel, noise: float, generator: torch.Generator
) -> list[str]:
    """Copy the weights of `dense` to `model`, and each dense feed-forward to experts in its place.

    A feed-forward is copied to the shared expert of a layer or, without one, to all experts.
    Modules are matched by name. Feed-forwards of the same type in both models are copied unchanged.
    The routers of new experts, heads that serve experts, and SpeechMoE's embedding network keep the
    weights of `model`. Without noise, `model` then computes the same as `dense` if
    a layer has a shared expert, or if the weights of a frame's experts sum to 1. Otherwise a
    warning is logged.

    Args:
        model: The new model, on the CPU.
        dense: The trained model, on the CPU. Some of its feed-forwards may have experts already.
        noise: Relative standard deviation of Gaussian noise on the experts, see `add_noise`.
        generator: Random number generator of the noise.

    Returns:
        The names of the feed-forwards that became experts.

    Raises:
        InputError: The models do not match, or there is nothing to convert. `model` is then
            unchanged.
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
            state.update(_expert_state(f"{name}.", source, target))
            converted.append(name)
    if not converted:
        raise InputError(
            "there is nothing to upcycle: no feed-forward that is dense in the checkpoint has "
            "`type: moe` in the config"
        )
    if dense.embedding is None and model.embedding is not None:
        state.update(model.embedding.state_dict(prefix="embedding."))
    for name, section in model.config.heads.items():
        if section.serves_experts and name not in dense.all_heads:
            state.update(model.all_heads[name].state_dict(prefix=f"{name}."))
    load_transferred(model, state)
    layers = [targets[name] for name in converted]
    if noise > 0:
        _add_noise(layers, noise, generator)
    _warn_of_weights(layers)
    return converted


def _expert_state(
    prefix: str, source: DenseFeedForward, target: MoEFeedForward
) -> dict[str, torch.Tensor]:
    """Return the state of an MoE layer that takes the place of a dense feed-forward."""
    state = target.router.state_dict(prefix=f"{prefix}router.")
    if target.shared_expert is not None:
        experts = silence(FeedForwardWeights.of_bank(target.experts))
        state.update({f"{prefix}shared_expert.{k}": v for k, v in source.state_dict().items()})
    else:
        weights = FeedForwardWeights.of_dense(source)
        experts = copy_to_experts(weights, target.experts.num_experts)
    return {**state, **{f"{prefix}experts.{k}": v for k, v in experts._asdict().items()}}


def _check_feed_forwards(sources: dict, targets: dict) -> None:
    """Raise `InputError` for all feed-forwards that cannot be copied, with the values to set."""
    wrong: dict[str, tuple[int, int]] = {}
    moe_keys = {config_key(n) for n, part in targets.items() if isinstance(part, MoEFeedForward)}
    for name, target in targets.items():
        source = sources.get(name)
        if source is None:
            continue  # in the embedding network; loading detects any other missing module
        key = config_key(name)
        is_first_block = isinstance(target, DenseFeedForward) and key in moe_keys
        if isinstance(source, MoEFeedForward) and isinstance(target, DenseFeedForward):
            reason = "`model.encoder.num_dense_blocks`" if is_first_block else "`type: dense`"
            raise InputError(
                f"`{key}` has no experts in {name} because of {reason}, but has them in the "
                "checkpoint; convert the checkpoint with `moeasr densify` first"
            )
        shared = target.shared_expert if isinstance(target, MoEFeedForward) else None
        if isinstance(source, DenseFeedForward) and shared is not None:
            if hidden_units(source) != hidden_units(shared):
                units = hidden_units(shared), hidden_units(source)
                wrong[f"{key}.shared_expert_units"] = units
        elif hidden_units(source) != hidden_units(target):
            width = "model.encoder.dense_hidden_units" if is_first_block else f"{key}.hidden_units"
            wrong[width] = hidden_units(target), hidden_units(source)
        if isinstance(source, MoEFeedForward):
            numbers = target.experts.num_experts, source.experts.num_experts
            if numbers[0] != numbers[1]:
                wrong[f"{key}.num_experts"] = numbers
    if wrong:
        faults = [f"`{k}` is {ours} but {theirs}" for k, (ours, theirs) in wrong.items()]
        remedy = " ".join(f"--set {k}={theirs}" for k, (_, theirs) in wrong.items())
        raise InputError(
            f"{', '.join(faults)} in the checkpoint. Upcycling copies complete feed-forwards, "
            "and keeps the experts that the checkpoint already has. Use the checkpoint's values: "
            f"{remedy}"
        )


def _add_noise(layers: list[MoEFeedForward], noise: float, generator: torch.Generator) -> None:
    """Add noise to the weights of every bank of experts, once even if blocks share the bank."""
    banks = {id(layer.experts): layer.experts for layer in layers}
    for bank in banks.values():
        noisy = add_noise(FeedForwardWeights.of_bank(bank), noise, generator)
        bank.load_state_dict(noisy._asdict())


def _warn_of_weights(layers: list[MoEFeedForward]) -> None:
    """Warn if the new model computes something else than the dense one despite equal experts."""
    inexact = [
        layer
        for layer in layers
        if layer.shared_expert is None and not layer.router.weights_sum_to_one
    ]
    if inexact:
        logger.warning(
            "`expert_weights: full` in %d of %d upcycled feed-forwards: the weights of a frame's "
            "experts do not sum to 1, so the outputs differ from the dense model until training "
            "corrects this; `expert_weights: selected` would be exact",
            len(inexact),
            len(layers),
        )
