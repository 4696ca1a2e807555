"""Tolerances in units of rounding, so that a test means the same on every processor.

A processor may order the terms of a sum in its own way, or fuse a product with a sum. Each
operation rounds to half a unit in the last place of the values that it handles, so two ways to
compute one number differ by up to (operations in a row) x (unit of rounding) x (size of the
values). A test states the number of operations and, unless it is the largest value of the result,
the size.
"""

import torch
from torch import Tensor

NETWORK_STEPS = 30
"""Units for a small network of 2 to 4 layers: about 100 operations in a row, whose roundings are
independent and add up as their root does, 10 units; three times that is left to chance."""
FBANK_STEPS = 16
"""Operations in a row in filter banks: 9 to 11 stages of the Fourier transform, offset,
pre-emphasis, window, filter and logarithm."""


def tolerance(
    expected: Tensor,
    steps: float,
    scale: Tensor | float | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return the largest difference that rounding explains.

    Args:
        expected: The right values.
        steps: Operations in a row, each of which rounds.
        scale: Size of the values that are rounded, one for all or one per element of `expected`;
            by default the largest of `expected`.
        dtype: The type that both sides are computed in; the coarser one if the types differ.
    """
    if scale is None:
        scale = expected.detach().abs().max() if expected.numel() > 0 else 0.0
    size = torch.as_tensor(scale, dtype=torch.float64, device=expected.device)
    return steps * torch.finfo(dtype).eps * size


def assert_close(
    found: Tensor,
    expected: Tensor,
    steps: float,
    scale: Tensor | float | None = None,
    dtype: torch.dtype = torch.float32,
    name: str = "found",
) -> None:
    """Raise `AssertionError` unless two tensors of one shape are equal but for rounding.

    Args:
        found: What is tested.
        expected: What it must be; nothing is close to NaN or infinity.
        steps: See `tolerance`.
        scale: See `tolerance`.
        dtype: See `tolerance`.
        name: Name of the tensor, for the message.
    """
    assert found.shape == expected.shape, f"{name}: {found.shape}, expected {expected.shape}"
    difference = (found.detach().double() - expected.detach().double()).abs()
    allowed = tolerance(expected, steps, scale, dtype).expand_as(difference)
    if not bool((difference.isfinite() & (difference <= allowed)).all()):
        units = float((difference / (allowed / steps)).nan_to_num(nan=float("inf")).max())
        raise AssertionError(
            f"{name}: differs by up to {float(difference.max()):.3g}, {units:.3g} units of "
            f"rounding, but {steps:g} operations explain at most {steps:g}"
        )


def log_mel_scale(feats: Tensor) -> Tensor:
    """Return the size of the values behind each log filter-bank energy, (T, F) -> (T, F).

    A Fourier transform rounds every bin by a unit of the strongest one, A_max. The energy A^2 of
    a weaker bin is therefore off by 2 A_max / A of its own size, and its logarithm by as much.
    """
    feats = feats.double()
    if feats.numel() == 0:
        return feats
    strongest = feats.max(dim=-1, keepdim=True).values
    return feats.abs() + 2 * ((strongest - feats) / 2).exp()
