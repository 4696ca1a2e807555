"""Merging of similar experts in whole models, so that they become smaller.

The routers keep the scores of all experts, and a merged expert gets the sum of the weights of its
members, see `moeasr.moe.router.merge_choices`. The model therefore computes what it did before
wherever the members of each merged expert compute the same.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from moeasr.convert.densifying import BankUsage
from moeasr.convert.pruning import check_unmerged, with_parts
from moeasr.convert.transfer import config_key, load_transferred
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.config import ModelConfig
from moeasr.moe.expert_copies import FeedForwardWeights
from moeasr.moe.expert_merging import merge_similar
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.plurals import counted


class Merging(NamedTuple):
    """The merged experts of a model, and the config of the model that consists of them."""

    config: ModelConfig
    """Config of the smaller model."""
    experts: dict[str, FeedForwardWeights]
    """Stacked weights of the merged experts, by the name of each MoE layer that changes."""
    expert_of: dict[str, Tensor]
    """Merged expert of each old one, (E,), by the name of these layers."""


def check_mergeable(model: AsrModel, num_experts: int) -> None:
    """Raise `InputError` if experts cannot be merged, before their load is measured.

    N is too small for the number of experts per frame, no layer has more experts, or the experts of
    a layer belong to groups or were merged before.

    Args:
        model: The trained model.
        num_experts: Number N of experts that remain.
    """
    layers = model.moe_layers()
    check_unmerged(layers)
    for name, layer in layers.items():
        least = layer.router.least_experts
        if num_experts < least:
            raise InputError(
                f"the number of experts that remain must be at least {least}, the number of "
                f"experts per frame of {name}, but is {num_experts}"
            )
    if all(layer.experts.num_experts <= num_experts for layer in layers.values()):
        most = counted(num_experts, "expert")
        raise InputError(f"no layer has more than {most}, so none can be merged")


def merge_experts(model: AsrModel, usage: Mapping[str, BankUsage], num_experts: int) -> Merging:
    """Merge the experts of each layer that has more than N to N experts.

    Layers that share experts or a router merge the same experts.

    Args:
        model: The trained model, on the CPU.
        usage: Usage of every MoE layer, see `moeasr.convert.densifying.measure_bank_usage`.
        num_experts: Number N of experts that remain.

    Raises:
        InputError: `check_mergeable` refuses the model or N.
    """
    check_mergeable(model, num_experts)
    layers = model.moe_layers()
    large = {n: layer for n, layer in layers.items() if layer.experts.num_experts > num_experts}
    experts, expert_of = {}, {}
    for names in _connected(large):
        banks = {id(layers[name].experts): name for name in names}
        weights = [FeedForwardWeights.of_bank(layers[name].experts) for name in banks.values()]
        loads = [usage[name].load for name in banks.values()]
        merged, targets = merge_similar(weights, loads, num_experts)
        of_bank = dict(zip(banks, merged))
        experts |= {name: of_bank[id(layers[name].experts)] for name in names}
        expert_of |= dict.fromkeys(names, targets)
    sections = {config_key(name).removeprefix("model.") for name in large}

    def shrink(key: str, part: MoeConfig) -> MoeConfig:
        if key not in sections:
            return part
        return dataclasses.replace(part, num_experts=num_experts, merged_from=part.num_experts)

    heads = {k: head for k, head in model.config.heads.items() if not head.serves_experts}
    return Merging(with_parts(model.config, shrink, heads=heads), experts, expert_of)


def merge_into(merged: AsrModel, model: AsrModel, merging: Merging) -> None:
    """Copy the weights of `model` to `merged`, with merged experts.

    Args:
        merged: A model built from the config of the merging, on the CPU.
        model: The trained model, on the CPU.
        merging: The merged experts.
    """
    state = model.state_dict()
    for name, weights in merging.experts.items():
        for key, weight in weights._asdict().items():
            state[f"{name}.experts.{key}"] = weight
        state[f"{name}.router.expert_of"] = merging.expert_of[name]
    for name, head in model.all_heads.items():
        if name not in merged.all_heads:
            for key in head.state_dict(prefix=f"{name}."):
                del state[key]
    load_transferred(merged, state)


def _connected(layers: Mapping[str, MoEFeedForward]) -> list[list[str]]:
    """Return the names of the layers in groups that share experts or a router."""
    groups: list[tuple[set[int], list[str]]] = []
    for name, layer in layers.items():
        parts, names = {id(layer.experts), id(layer.router)}, [name]
        for group in [group for group in groups if group[0] & parts]:
            groups.remove(group)
            parts, names = parts | group[0], group[1] + names
        groups.append((parts, names))
    return [names for _, names in groups]
