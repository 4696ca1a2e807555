"""The choice between kernels of linear layers by a short trial of their speed on this machine.

The fastest kernel depends on the processor, on the build of PyTorch, on the shape of the layer and
on the number of rows, so it must be measured. For many rows on a processor with AMX, one 8-bit
engine may be three times as fast as another. For the few rows of an expert in a stream, it may be
slower, because it prepares itself anew whenever the number of rows changes.
"""

import functools
import time
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.nn.linear_kernels import Kernel, KernelFamily, Maker

FEW_ROWS = 12
"""Largest number of rows of one expert in a streaming chunk, as a rule."""
TRIAL_ROWS = ((1, 2, 5, 3, 8), (16, 64, 256))
"""Numbers of rows in the trial: a few, and more than `FEW_ROWS`. The number changes from call to
call, as it does for experts."""
TRIAL_ROUNDS = 5
TRIAL_SEC = 0.02  # processor time after which no further round of a trial begins
MIN_ROUNDS = 2
TRIAL_GAIN = 1.05  # speed-up that justifies a private operator
SPLIT_GAIN = 1.15  # speed-up for some numbers of rows that justifies a second copy of the weights
FLUSHED_BYTES = 2**23  # read before each call: weights come from memory in a model of many layers


class Choice(NamedTuple):
    """The fastest kernels of a linear layer, which may be the same."""

    few: Maker
    """Maker of the kernel for at most `FEW_ROWS` rows."""
    more: Maker
    """Maker of the kernel for more rows."""


@functools.cache
def fastest_makers(
    family: KernelFamily,
    num_inputs: int,
    num_outputs: int,
    with_silu: bool,
    has_few_rows: bool,
    num_threads: int,
) -> Choice:
    """Return the makers of the fastest kernels for linear layers of a shape.

    A kernel is used only if its outputs equal those of the family's first kernel within the
    tolerance, and if it is clearly faster. A trial takes some hundredths of a second, and its
    result is cached.

    Args:
        family: The kernels to choose from.
        num_inputs: Number of inputs of the layer.
        num_outputs: Number of outputs of the layer.
        with_silu: True if silu follows the layer.
        has_few_rows: True if calls with a few rows are common, as for experts.
        num_threads: Number of threads, for which the result is cached separately.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(num_outputs, num_inputs, generator=generator)
    bias = torch.randn(num_outputs, generator=generator)
    groups = TRIAL_ROWS if has_few_rows else TRIAL_ROWS[1:]
    batches = {
        rows: torch.randn(rows, num_inputs, generator=generator)
        for group in groups
        for rows in group
    }
    plain, *others = family.makers
    with torch.inference_mode():
        ready = {plain: plain(weight, bias, with_silu)}
        wanted = {rows: ready[plain](x) for rows, x in batches.items()}
        for make in others:
            try:
                if not sums_are_exact(make):
                    continue
                kernel = make(weight, bias, with_silu)
                if all(_is_close(kernel(x), wanted[rows], family) for rows, x in batches.items()):
                    ready[make] = kernel
            except (RuntimeError, AttributeError):  # this build of PyTorch lacks the operator
                continue
        if len(ready) == 1:
            return Choice(plain, plain)
        best_sec = _best_seconds(ready, batches)
    costs = [
        {
            make: sum(best_sec[make, rows] / best_sec[plain, rows] for rows in group) / len(group)
            for make in ready
        }
        for group in groups
    ]
    total = {make: sum(cost[make] for cost in costs) for make in ready}
    single = _cheapest(total, plain, TRIAL_GAIN)
    if not family.splits:
        return Choice(single, single)
    best = [_cheapest(cost, single, SPLIT_GAIN) for cost in costs]
    return Choice(best[0], best[-1])


@functools.cache
def sums_are_exact(make: Maker) -> bool:
    """Return whether a kernel adds products of the largest inputs and weights correctly.

    Without the instructions for 8-bit products (VNNI), some kernels add two products in 16 bits,
    which overflow for large values. Random inputs of a trial seldom show this.
    """
    ones = torch.ones(64, 64)
    return bool((make(ones, torch.zeros(64), False)(ones).float() - 64).abs().max() < 0.64)


def _is_close(found: Tensor, wanted: Tensor, family: KernelFamily) -> bool:
    """Return whether outputs differ by rounding only; False if one of them is not a number."""
    return bool((found - wanted).norm() <= family.tolerance * wanted.norm())


def _best_seconds(
    ready: Mapping[Maker, Kernel], batches: Mapping[int, Tensor]
) -> dict[tuple[Maker, int], float]:
    """Return the seconds of each kernel by the number of rows, the best of several rounds.

    Processor time is measured, because other programs would disturb a few short calls too much.
    """
    best_sec = {(make, rows): float("inf") for make in ready for rows in batches}
    flushed = torch.ones(FLUSHED_BYTES // 4)
    began_sec = time.thread_time()
    for round_ in range(TRIAL_ROUNDS):
        if round_ >= MIN_ROUNDS and time.thread_time() - began_sec > TRIAL_SEC:
            break
        for rows, x in batches.items():
            for make, kernel in ready.items():
                flushed.sum()
                start_sec = time.thread_time()
                kernel(x)
                took_sec = time.thread_time() - start_sec
                best_sec[make, rows] = min(best_sec[make, rows], took_sec)
    return best_sec


def _cheapest(costs: Mapping[Maker, float], default: Maker, gain: float) -> Maker:
    """Return the maker with the lowest cost, or the default if the gain over it is too small."""
    cheapest = min(costs, key=costs.__getitem__)
    return cheapest if costs[default] > gain * costs[cheapest] else default
