"""Building networks without memory for their weights, to look at names and shapes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

DIVISIONS = (torch.Tensor.div, torch.Tensor.__truediv__)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Create all tensors in this context on the device `meta`, which stores no values."""
    with torch.device("meta"), _WithoutValues():
        yield


class _WithoutValues(TorchFunctionMode):
    """A mode that leaves out the calculation of initial values on the device `meta`.

    PyTorch implements these functions for that device in Python, and the first call of one
    imports its compiler and sympy, which takes longer than building the network.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, or return the tensor whose values it would set."""
        kwargs = dict(kwargs or {})
        tensor = args[0] if args else kwargs.get("tensor")
        if isinstance(tensor, torch.Tensor) and tensor.is_meta:
            if func in (torch.Tensor.normal_, nn.init.normal_):
                return tensor
            if func in DIVISIONS and isinstance(args[-1], float) and tensor.is_floating_point():
                return tensor
        if func is torch.randn and torch.device(kwargs.get("device") or "meta").type == "meta":
            kwargs.pop("generator", None)
            func = torch.empty
        return func(*args, **kwargs)
