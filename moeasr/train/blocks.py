"""The blocks of a network, which are sharded and recomputed one at a time.

A block is an element of a `ModuleList`. This module knows nothing else about the network.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def find_blocks(module: nn.Module) -> list[nn.Module]:
    """Return the blocks of a network, without blocks inside of other blocks."""
    found: dict[nn.Module, None] = {}
    for child in module.children():
        within = list(child) if isinstance(child, nn.ModuleList) else find_blocks(child)
        found |= dict.fromkeys(within)
    return list(found)


def find_units(model: nn.Module) -> list[nn.Module]:
    """Return the modules that are separate units of sharding, in the order of sharding.

    A unit contains the parameters of its module that are in no earlier unit. First are the modules
    that several blocks share, because a parameter in two units would get wrong gradients. Then
    follow the modules with `casts_weights`, which are communicated in the precision of their
    products, and the blocks.
    """
    blocks = find_blocks(model)
    uses = Counter(module for block in blocks for module in block.modules())
    units: dict[nn.Module, None] = {}
    for block in blocks:
        units |= dict.fromkeys(_outermost_shared(block, uses))
    for block in blocks:
        units |= dict.fromkeys(m for m in block.modules() if getattr(m, "casts_weights", False))
    units |= dict.fromkeys(blocks)
    return [unit for unit in units if any(True for _ in unit.parameters())]


def _outermost_shared(module: nn.Module, uses: Counter[nn.Module]) -> Iterator[nn.Module]:
    """Yield the modules inside a module that several blocks use, without their own children."""
    for child in module.children():
        if uses[child] > 1:
            yield child
        else:
            yield from _outermost_shared(child, uses)


def recompute_blocks(model: nn.Module) -> None:
    """Let the backward pass compute the activations of each block again, instead of storing them.

    The second pass uses the random numbers of the first one. Routing statistics come from the
    outputs of the first pass, so they are not counted twice.
    """
    for block in find_blocks(model):
        block.forward = partial(_run_recomputed, block.forward)


def _run_recomputed(forward, *args, **options):  # noqa: ANN001, ANN002, ANN003, ANN202
    if not torch.is_grad_enabled():
        return forward(*args, **options)
    # Without an early stop, because a sharded module inside must complete its forward pass.
    return checkpoint(forward, *args, use_reentrant=False, early_stop=False, **options)
