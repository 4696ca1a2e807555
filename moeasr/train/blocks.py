"""The blocks of a network: the units in which it is sharded, and whose activations are recomputed.

A block is an element of a `ModuleList`. Nothing else is known of the network here.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def find_blocks(module: nn.Module) -> list[nn.Module]:
    """Return the blocks of a network, without those inside of other blocks."""
    found: dict[nn.Module, None] = {}
    for child in module.children():
        within = list(child) if isinstance(child, nn.ModuleList) else find_blocks(child)
        found |= dict.fromkeys(within)
    return list(found)


def find_units(model: nn.Module) -> list[nn.Module]:
    """Return the modules that are sharded as units of their own, in the order of sharding.

    A unit holds the parameters of its module that no earlier unit holds. The modules that several
    blocks share come first: a parameter in two units would get wrong gradients. Then come modules
    with `casts_weights`, which are communicated in the precision of their products, and the blocks.
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

    The block is run with the random numbers of its first pass. Statistics of the routing are those
    of the first pass, because they are taken from its outputs.
    """
    for block in find_blocks(model):
        block.forward = partial(_run_recomputed, block.forward)


def _run_recomputed(forward, *args, **options):  # noqa: ANN001, ANN002, ANN003, ANN202
    if not torch.is_grad_enabled():
        return forward(*args, **options)
    # The pass runs to its end: a sharded module inside must not be left halfway.
    return checkpoint(forward, *args, use_reentrant=False, early_stop=False, **options)
