"""Pruning: removal of experts, by the label of their group or by their load.

A frame that uses none of the removed experts is computed as before. With router `language`, these
are all frames of the remaining languages. With `learned_group`, the frames of removed groups go to
the best remaining group.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moeasr.convert.densifying import BankUsage
from moeasr.convert.transfer import config_key, load_transferred
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.config import ModelConfig
from moeasr.models.heads.group_head import GroupHead
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.moe.merged_experts import MergedExperts
from moeasr.nn.feed_forward import FeedForwardConfig

GROUPED = ("language", "learned_group")
"""Router contexts that divide the experts among groups."""


class Pruning(NamedTuple):
    """The experts that remain, and the config of the model that consists of them."""

    config: ModelConfig
    """Config of the pruned model."""
    kept: dict[str, Tensor]
    """Ids of the remaining experts (E',), ascending, by the name of each MoE layer that changes."""
    labels: tuple[int, ...] = ()
    """Indices of the remaining labels; empty if labels are unchanged."""


def keep_labels(model: AsrModel, names: Collection[str]) -> Pruning:
    """Return a pruning that keeps only the groups of some labels.

    If a single group remains, the router becomes `top_k`, so that the model needs neither the
    language nor a head that identifies it.

    Raises:
        InputError: The experts of the model are not grouped by labels, a label is unknown, or all
            labels remain.
    """
    config = model.config
    labels, head = config.labels.names, config.group_head
    if not config.contexts.intersection(GROUPED):
        raise InputError(
            "only a model with `router: language` or `router: learned_group` can be pruned to some "
            "of its languages; use --drop-experts-below for this one"
        )
    for name in names:
        if name not in labels:
            raise InputError(
                f"--keep-languages contains '{name}', but the model has only {', '.join(labels)}"
            )
    kept = tuple(index for index, label in enumerate(labels) if label in names)
    if len(kept) in (0, len(labels)):
        raise InputError(
            f"some, but not all, of {', '.join(labels)} must remain; otherwise there is nothing to "
            "prune"
        )
    has_blank_group = head is not None and head.blank_group
    groups = [0, *(index + 1 for index in kept)] if has_blank_group else list(kept)
    num_groups = len(labels) + has_blank_group

    def shrink(key: str, part: MoeConfig) -> MoeConfig:
        if part.context not in GROUPED:
            return part
        router = part.router if len(groups) > 1 else "top_k"
        num_experts = part.num_experts // num_groups * len(groups)
        return dataclasses.replace(part, router=router, num_experts=num_experts)

    names_kept = tuple(labels[index] for index in kept)
    heads = {
        name: dataclasses.replace(own, labels=names_kept) if own is head else own
        for name, own in config.heads.items()
        if own is not head or len(groups) > 1
    }
    changed = {
        "languages": names_kept if config.languages and len(groups) > 1 else (),
        "heads": heads,
    }
    shrunk = with_parts(config, shrink, **changed)
    layers = {}
    for name, layer in model.moe_layers().items():
        if layer.router.context in GROUPED:
            ids = torch.arange(layer.router.num_experts).view(num_groups, -1)
            layers[name] = ids[groups].flatten()
    return Pruning(shrunk, layers, kept)


def check_unmerged(layers: Mapping[str, MoEFeedForward]) -> None:
    """Raise `InputError` if the experts of a layer belong to groups, or were merged."""
    for name, layer in layers.items():
        if layer.router.context in GROUPED:
            raise InputError(
                f"{name} divides its experts among groups of equal size; use --keep-languages"
            )
        if layer.router.expert_of is not None or isinstance(layer.experts, MergedExperts):
            raise InputError(
                f"the experts of {name} are merged already; prune a model whose experts are not"
            )


def check_droppable(model: AsrModel, min_share: float) -> None:
    """Raise `InputError` if experts cannot be removed by their load, before it is measured.

    The share is out of range, the experts of a layer belong to groups or were merged, or a router
    cannot lose experts without changing the choice of others.

    Args:
        model: The trained model.
        min_share: See `drop_rarely_used`.
    """
    if not 0 < min_share < 1:
        raise InputError(f"the share of the load must be above 0 and below 1, but is {min_share}")
    layers = model.moe_layers()
    check_unmerged(layers)
    if layers and all(
        layer.router.least_experts >= layer.router.num_experts for layer in layers.values()
    ):
        raise InputError(
            "no expert can be removed: the layers have no more experts than a frame may use"
        )
    for name, layer in layers.items():
        if not layer.router.ignores_unused_experts:
            raise InputError(
                f"the router of {name} ({type(layer.router).__name__}) cannot lose experts without "
                "changing the weights or the choice of the others, as a softmax over all experts "
                "(`expert_weights: full`) does"
            )


def drop_rarely_used(model: AsrModel, usage: Mapping[str, BankUsage], min_share: float) -> Pruning:
    """Return a pruning that removes experts with less than a share of the load of their layer.

    Heads that serve experts in training are removed as well.

    All layers of a section of the config keep equally many experts: as many as the layer that keeps
    most. Layers that share experts or a router keep the same experts.

    Args:
        model: The trained model.
        usage: Usage of every MoE layer, see `moeasr.convert.densifying.measure_bank_usage`.
        min_share: Share of the assignments below which an expert is removed.

    Raises:
        InputError: `check_droppable` refuses the model or the share, or no expert can be removed.
    """
    check_droppable(model, min_share)
    layers = model.moe_layers()
    loads = _pooled_loads(model, usage)
    sections = {name: config_key(name).removeprefix("model.") for name in layers}
    sizes: dict[str, int] = {}
    for name, load in loads.items():
        num_used = int((load >= min_share * load.sum()).sum())
        least = max(sizes.get(sections[name], 0), layers[name].router.least_experts)
        sizes[sections[name]] = max(num_used, least)
    kept = {}
    for name, load in loads.items():
        size = sizes[sections[name]]
        if size < load.numel():
            most_used = load.argsort(descending=True, stable=True)[:size]
            kept[name] = most_used.sort().values
    if not kept:
        raise InputError(
            f"no expert can be removed: in some layer of each kind, all experts have at least "
            f"{min_share:g} of the load; choose a higher share"
        )

    def shrink(key: str, part: MoeConfig) -> MoeConfig:
        return dataclasses.replace(part, num_experts=sizes.get(key, part.num_experts))

    heads = {k: head for k, head in model.config.heads.items() if not head.serves_experts}
    return Pruning(with_parts(model.config, shrink, heads=heads), kept)


def prune_into(pruned: AsrModel, model: AsrModel, pruning: Pruning) -> None:
    """Copy the weights of `model` to `pruned`, without those of the removed experts and labels.

    Args:
        pruned: A model built from the config of the pruning, on the CPU.
        model: The trained model, on the CPU.
        pruning: The experts that remain.
    """
    state, layers = model.state_dict(), model.moe_layers()
    for name, ids in pruning.kept.items():
        keys = [f"experts.{key}" for key in layers[name].experts.state_dict()]
        keys += [f"router.{key}" for key in layers[name].router.rows_by_expert]
        for key in keys:
            state[f"{name}.{key}"] = state[f"{name}.{key}"][ids]
    for name, head in model.all_heads.items():
        if name not in pruned.all_heads:
            for key in head.state_dict(prefix=f"{name}."):
                del state[key]
            continue
        if not isinstance(head, GroupHead) or not pruning.labels:
            continue
        rows = [*range(head.uses_ctc), *(index + head.uses_ctc for index in pruning.labels)]
        for key in ("weight", "bias"):
            state[f"{name}.project.{key}"] = state[f"{name}.project.{key}"][rows]
    load_transferred(pruned, state)


def with_parts(
    config: ModelConfig, change: Callable[[str, MoeConfig], MoeConfig], **changed: Any
) -> ModelConfig:
    """Return a config in which `change` was applied to all sections of experts by their keys."""

    def part(key: str, section: FeedForwardConfig) -> FeedForwardConfig:
        return change(key, section) if isinstance(section, MoeConfig) else section

    sections = config.encoder.feed_forwards.items()
    encoder = {key: part(f"encoder.{key}", section) for key, section in sections}
    own = part("decoder.feed_forward", config.decoder.feed_forward)
    return dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, **encoder),
        decoder=dataclasses.replace(config.decoder, feed_forward=own),
        **changed,
    )


def _pooled_loads(model: AsrModel, usage: Mapping[str, BankUsage]) -> dict[str, Tensor]:
    """Return the load (E,) by the name of each layer, summed over the layers that share a router.

    The usage of a layer already includes all layers that share its experts.
    """
    layers = model.moe_layers()
    by_router: dict[int, dict[int, Tensor]] = {}
    for name, layer in layers.items():
        by_router.setdefault(id(layer.router), {})[id(layer.experts)] = usage[name].load
    return {
        name: torch.stack(list(by_router[id(layer.router)].values())).sum(dim=0)
        for name, layer in layers.items()
    }
