"""The gradient of a step, from the gradients of its micro-batches in all processes."""

import torch
from torch import Tensor, nn

from moeasr import distributed


def finish_gradients(model: nn.Module, weight: Tensor, max_norm: float) -> float | None:
    """Turn summed gradients into their mean over the utterances of all processes, and clip it.

    One explicit all-reduce sums the gradients, instead of DistributedDataParallel. A process may
    then skip a bad micro-batch, or have experts without frames, and the others do not wait for it.

    Args:
        model: The model. Its gradients are sums over the utterances of this process.
        weight: () number of utterances of this process.
        max_norm: Largest norm of the gradient; a larger one is scaled down.

    Returns:
        The norm of the mean gradient before clipping; None if it is not finite, or if no process
        had an utterance.
    """
    weight = _sum_over_processes(model, weight)
    parameters = [p for p in model.parameters() if p.grad is not None]
    for parameter in parameters:
        parameter.grad.div_(weight.clamp(min=1.0))
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    is_usable = bool(torch.isfinite(norm)) and float(weight) > 0
    return float(norm) if is_usable else None


def _sum_over_processes(model: nn.Module, weight: Tensor) -> Tensor:
    """Sum the gradients of all processes in place, and return their total number of utterances.

    A missing gradient counts as 0.
    """
    if distributed.world_size() == 1:
        return weight
    parameters = [p for p in model.parameters() if p.requires_grad]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([weight.reshape(1), *(p.grad.flatten() for p in parameters)])
    distributed.sum_in_place(flat)
    offset = 1
    for parameter in parameters:
        size = parameter.numel()
        parameter.grad.copy_(flat[offset : offset + size].view_as(parameter))
        offset += size
    return flat[0]
