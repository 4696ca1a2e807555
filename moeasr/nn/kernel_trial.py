"""The choice between kernels of linear layers by a short trial of their speed on this machine.

The fastest kernel depends on the processor, on the build of PyTorch, and on the shape of the layer,
so it must be measured. On processors with AMX, one engine may be three times as fast as another; on
others, they differ by some percent.
"""

import functools
import time

import torch
from torch import Tensor

from moeasr.nn.linear_kernels import Kernel, KernelFamily, Maker

TRIAL_ROWS = (4, 64, 256)
"""Numbers of rows in the trial: the frames of one expert in a streaming chunk, those of one expert
in several seconds of speech, and several seconds of speech."""
TRIAL_ROUNDS = 5
TRIAL_SEC = 0.03  # time after which no further round of a trial begins
MIN_ROUNDS = 2
TRIAL_GAIN = 1.05  # speed-up that justifies a private operator
FLUSHED_BYTES = 2**23  # read before each call: weights come from memory in a model of many layers


@functools.cache
def fastest_maker(
    family: KernelFamily, num_inputs: int, num_outputs: int, with_silu: bool, num_threads: int
) -> Maker:
    """Return the maker of the fastest kernel for linear layers of a shape.

    A kernel is used only if its outputs equal those of the family's first kernel within the
    tolerance, and if it is clearly faster. All numbers of rows have the same weight. A trial takes
    some hundredths of a second, and its result is cached.

    Args:
        family: The kernels to choose from.
        num_inputs: Number of inputs of the layer.
        num_outputs: Number of outputs of the layer.
        with_silu: Whether silu follows the layer.
        num_threads: Number of threads, for which the result is cached separately.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(num_outputs, num_inputs, generator=generator)
    bias = torch.randn(num_outputs, generator=generator)
    batches = [torch.randn(rows, num_inputs, generator=generator) for rows in TRIAL_ROWS]
    plain, *others = family.makers
    with torch.inference_mode():
        ready = {plain: plain(weight, bias, with_silu)}
        wanted = [ready[plain](x) for x in batches]
        for make in others:
            try:
                kernel = make(weight, bias, with_silu)
                if all(_is_close(kernel(x), y, family) for x, y in zip(batches, wanted)):
                    ready[make] = kernel
            except (RuntimeError, AttributeError):  # this build of PyTorch lacks the operator
                continue
        if len(ready) == 1:
            return plain
        best_sec = _best_seconds(ready, batches)
    costs = {
        make: sum(sec / plain_sec for sec, plain_sec in zip(seconds, best_sec[plain]))
        for make, seconds in best_sec.items()
    }
    fastest = min(costs, key=costs.__getitem__)
    return fastest if costs[plain] > TRIAL_GAIN * costs[fastest] else plain


def _is_close(found: Tensor, wanted: Tensor, family: KernelFamily) -> bool:
    """Return whether outputs differ by rounding only; False if one of them is not a number."""
    return bool((found - wanted).norm() <= family.tolerance * wanted.norm())


def _best_seconds(ready: dict[Maker, Kernel], batches: list[Tensor]) -> dict[Maker, list[float]]:
    """Return the seconds of each kernel for each batch, the best of several alternating rounds.

    Processor time is measured, because other programs would disturb a few short calls too much.
    """
    best_sec = {make: [float("inf")] * len(batches) for make in ready}
    flushed = torch.ones(FLUSHED_BYTES // 4)
    began_sec = time.thread_time()
    for round_ in range(TRIAL_ROUNDS):
        if round_ >= MIN_ROUNDS and time.thread_time() - began_sec > TRIAL_SEC:
            break
        for i, x in enumerate(batches):
            for make, kernel in ready.items():
                flushed.sum()
                start_sec = time.thread_time()
                kernel(x)
                took_sec = time.thread_time() - start_sec
                best_sec[make][i] = min(best_sec[make][i], took_sec)
    return best_sec
