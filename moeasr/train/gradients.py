"""The gradient of a step, from the gradients of its micro-batches in all processes."""

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def finish_gradients(model: nn.Module, weight: Tensor, max_norm: float) -> float | None:
    """Turn summed gradients into their mean over utterances, and clip it.

    Args:
        model: The model. Its gradients are sums over the utterances of all processes.
        weight: () number of utterances of all processes.
        max_norm: Largest norm of the gradient; a larger one is scaled down.

    Returns:
        The norm of the mean gradient before clipping; None if it is not finite, or if no process
        had an utterance.
    """
    parameters = [p for p in model.parameters() if p.grad is not None]
    for parameter in parameters:
        gradient = parameter.grad
        if isinstance(gradient, DTensor):
            gradient = gradient.to_local()
        gradient.div_(weight.clamp(min=1.0))
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    if isinstance(norm, DTensor):
        norm = norm.full_tensor()
    is_usable = bool(torch.isfinite(norm)) and float(weight) > 0
    return float(norm) if is_usable else None
