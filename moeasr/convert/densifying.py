"""Densifying: conversion of a model with experts into a dense one, with one feed-forward per bank.

This is the inverse of upcycling, and makes the model cheaper to run. Part of what distinguishes the
experts is lost. The report of `moeasr densify` shows how much the outputs change, and training can
continue from the dense model.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.convert.transfer import load_transferred
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.config import ModelConfig
from moeasr.models.teacher_forced import Inputs, run_teacher_forced
from moeasr.moe.expert_copies import (
    DENSIFY_METHODS,
    FeedForwardWeights,
    join,
    scale_output,
)
from moeasr.moe.experts import ExpertBank
from moeasr.moe.merged_experts import MergedExperts
from moeasr.nn.routing import Routing


class BankUsage(NamedTuple):
    """The number of frames that each expert of a bank receives, and the sum of their weights.

    A bank is the experts of one layer, or those that several layers share.
    """

    load: Tensor
    """Number of assignments to each expert, (E,) float64. In a layer that merges its experts for
    each utterance, a frame counts for every expert by its share."""
    total_weight: float
    """Sum of the experts' weights over all assignments."""
    num_frames: int
    """Number N of frames (tokens in a decoder), summed over all layers that share the bank."""

    @classmethod
    def of(cls, routing: Routing, experts: ExpertBank) -> "BankUsage":
        """Return the usage of a bank by one layer in one batch."""
        if isinstance(experts, MergedExperts):
            load = routing.probs.double().sum(dim=0)
        else:
            ids = routing.expert_ids.flatten()
            load = torch.bincount(ids, minlength=routing.num_experts).double()
        total_weight = float(routing.expert_weights.double().sum())
        return cls(load, total_weight, routing.expert_ids.size(0))

    def merged(self, other: "BankUsage") -> "BankUsage":
        """Return the sum of this usage and that of another batch or layer."""
        return BankUsage(*(a + b for a, b in zip(self, other)))

    @property
    def gain(self) -> float:
        """Mean over frames: the weights of the experts of a frame, summed."""
        return self.total_weight / self.num_frames


def measure_bank_usage(model: AsrModel, batches: Iterable[Inputs]) -> dict[str, BankUsage]:
    """Count how often each expert is used.

    The model sees each utterance with full context, and its decoders get the transcript as input.
    Layers that share a bank have one common count, because densifying replaces the bank by a single
    feed-forward for all of these layers.

    Args:
        model: A model in eval mode.
        batches: Batches with at least one utterance.

    Returns:
        The usage by the name of each MoE layer.
    """
    layers = model.moe_layers()
    usage: dict[int, BankUsage] = {}
    for inputs in batches:
        routings = run_teacher_forced(model, inputs).routings
        for name, routing in routings.items():
            experts = layers[name].experts
            bank, seen = id(experts), BankUsage.of(routing, experts)
            usage[bank] = usage[bank].merged(seen) if bank in usage else seen
    return {name: usage[id(layer.experts)] for name, layer in layers.items()}


def dense_config(config: ModelConfig) -> ModelConfig:
    """Return the config without routing, in which feed-forwards are as wide as one expert.

    The width of a shared expert is added to that of the expert.
    """
    encoder, decoder = config.encoder, config.decoder
    parts = {key: part.without_experts() for key, part in encoder.feed_forwards.items()}
    return dataclasses.replace(
        config,
        encoder=dataclasses.replace(encoder, **parts),
        decoder=dataclasses.replace(decoder, feed_forward=decoder.feed_forward.without_experts()),
        embedding=None,
        languages=(),
        heads={name: head for name, head in config.heads.items() if not head.serves_experts},
        routing_losses={},
    )


def densify_into(
    dense: AsrModel, model: AsrModel, usage: Mapping[str, BankUsage], method: str
) -> list[str]:
    """Copy the weights of `model` to `dense`, replacing each bank of experts by one feed-forward.

    The feed-forward replaces the weighted sum of the K experts of a frame. If these weights do not
    sum to 1 (`expert_weights: full`), its output is scaled by the mean of their sum over the
    counted frames. A shared expert keeps its weights, as the first hidden units of the
    feed-forward.

    Args:
        dense: A model built from `dense_config`, on the CPU.
        model: The trained model, on the CPU.
        usage: Usage of every MoE layer, see `measure_bank_usage`.
        method: One of `DENSIFY_METHODS`.

    Returns:
        The names of the feed-forwards that were banks of experts.

    Raises:
        InputError: `model` has no experts.
    """
    layers = model.moe_layers()
    if not layers:
        raise InputError("there is nothing to densify: the checkpoint has no experts")
    state = model.state_dict()
    dropped = [key for name, layer in layers.items() for key in layer.state_dict(prefix=f"{name}.")]
    if model.embedding is not None:
        dropped += model.embedding.state_dict(prefix="embedding.")
    for name, head in model.all_heads.items():
        if name not in dense.all_heads:
            dropped += head.state_dict(prefix=f"{name}.")
    for key in dropped:
        del state[key]
    for name, layer in layers.items():
        experts = FeedForwardWeights.of_bank(layer.experts)
        weights = DENSIFY_METHODS[method](experts, usage[name].load)
        if not layer.router.weights_sum_to_one:
            weights = scale_output(weights, usage[name].gain)
        if layer.shared_expert is not None:
            weights = join(FeedForwardWeights.of_dense(layer.shared_expert), weights)
        names = ("w1.weight", "w1.bias", "w2.weight", "w2.bias")
        state.update({f"{name}.{key}": weight for key, weight in zip(names, weights)})
    load_transferred(dense, state)
    return list(layers)
