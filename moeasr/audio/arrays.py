"""Samples in arrays, tensors and lists, converted to mono float32 like those of audio files.

This module does not import torch; a tensor is recognized by its methods.
"""

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

from moeasr.audio.bounds import check_new_rate
from moeasr.audio.decoded import mix_down
from moeasr.audio.samples import check_amplitudes
from moeasr.errors import InputError

if TYPE_CHECKING:
    import torch

Samples: TypeAlias = Union[np.ndarray, "torch.Tensor", Sequence[float]]
"""Samples of shape (S,) or (S, C): an array of NumPy, a tensor of torch, or a list of numbers."""
ZERO_AND_FULL_SCALE = {"uint8": (128, 2**7), "int16": (0, 2**15), "int32": (0, 2**31)}
"""The integer types of audio: the value of silence, and the distance from it that becomes 1."""
MAX_PEAK = 8.0
"""Highest magnitude of floating-point samples. Sound that was amplified or resampled may exceed 1
a little; integers that were converted without scaling exceed it by a factor of thousands."""
MANY_CHANNELS = 32
"""Largest plausible number of channels. If an array has more channels than this, and more channels
than samples, its dimensions are taken to be in the wrong order."""


BYTES_ADVICE = (
    "; 16-bit samples become an array by `numpy.frombuffer(data, 'int16')`, and the content of an "
    "audio file is read from `io.BytesIO(data)`"
)
SHAPES = "samples of shape (S,) or (S, C)"
NARROW = 2**15
"""Largest magnitude of 16-bit samples. Audio in wider integers reaches it only by noise."""


def to_waveform(
    samples: Samples, name: str = "the recording", expected: str = SHAPES
) -> np.ndarray:
    """Return samples as mono float32 in [-1, 1].

    Args:
        samples: (S,) or (S, C), of a floating-point type in [-1, 1], or uint8, int16 or int32,
            which are scaled. Channels are mixed down to their mean.
        name: The name of the recording in messages.
        expected: What the recording may be, for the message about something else.

    Returns:
        (S,) samples, perhaps none.

    Raises:
        InputError: The samples have another type or shape, or hold NaN, infinity or values far
            outside [-1, 1].
    """
    kind = type(samples).__name__
    if isinstance(samples, (bytes, bytearray, memoryview)):
        raise InputError(f"{name} must be {expected}, but it is a {kind}{BYTES_ADVICE}")
    array = _as_array(samples, name)
    if array.ndim not in (1, 2):
        found = f"has the shape {array.shape}" if array.ndim else f"is a {kind}"
        raise InputError(f"{name} must be {expected}, but it {found}")
    if array.size == 0:
        return np.zeros(0, np.float32)
    if array.ndim == 2 and array.shape[1] > max(array.shape[0], MANY_CHANNELS):
        raise InputError(
            f"{name} has the shape {array.shape}, which looks like (channels, samples); transpose "
            "it to (samples, channels)"
        )
    return mix_down(_as_float(array, name).reshape(len(array), -1), name, channel=None)


def read_samples(
    samples: Samples, rate_hz: Any, name: str = "the recording"
) -> tuple[np.ndarray, int]:
    """Return samples as `to_waveform` does, and their sample rate in Hz.

    Args:
        samples: As in `to_waveform`.
        rate_hz: The sample rate of the samples, Hz.
        name: The name of the recording in messages.

    Raises:
        InputError: As `to_waveform`, or there are no samples, the rate is not one of audio, or
            16-bit samples have the type int32.
    """
    waveform = to_waveform(samples, name, f"an audio file, its path, or {SHAPES}")
    if waveform.size == 0:
        raise InputError(f"{name} contains no samples")
    _check_width(_as_array(samples, name), name)
    return waveform, check_sample_rate(rate_hz)


def is_number(value: Any) -> bool:
    """Return whether a value is one sample: a number, or an array without dimensions."""
    return isinstance(value, numbers.Real) or getattr(value, "ndim", None) == 0


def check_sample_rate(rate_hz: Any) -> int:
    """Return a sample rate as an integer.

    Raises:
        InputError: The rate is missing, not an integer, or not a rate of audio.
    """
    if rate_hz is None:
        raise InputError("samples need their sample rate in Hz, such as `sample_rate=16000`")
    try:
        whole = int(rate_hz)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or whole != rate_hz:
        raise InputError(f"`sample_rate` must be a whole number of Hz, but is {rate_hz!r}")
    check_new_rate(whole)
    return whole


def _check_width(array: np.ndarray, name: str) -> None:
    """Raise `InputError` if 16-bit samples were converted to int32 without scaling."""
    if array.dtype != np.int32 or np.abs(array.astype(np.int64)).max() > NARROW:
        return
    if np.any(array % 256):  # 24-bit samples in 32 bits are multiples of 256, however quiet
        raise InputError(
            f"{name} has int32 samples in the range of int16; give them as int16, or multiply them "
            "by 65536"
        )


def _as_array(samples: Samples, name: str) -> np.ndarray:
    if hasattr(samples, "detach") and hasattr(samples, "cpu"):  # a tensor
        samples = samples.detach().cpu()
        if str(samples.dtype) == "torch.bfloat16":  # NumPy has no such type
            samples = samples.float()
    try:
        return np.asarray(samples)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(
            f"{name} must be samples, but is of type {type(samples).__name__}, which NumPy cannot "
            "read as an array of numbers"
        ) from None


def _as_float(array: np.ndarray, name: str) -> np.ndarray:
    """Return samples as finite float32 values in about [-1, 1]."""
    kind = array.dtype.name
    if kind in ZERO_AND_FULL_SCALE:
        zero, full_scale = ZERO_AND_FULL_SCALE[kind]
        return ((array.astype(np.float64) - zero) / full_scale).astype(np.float32)
    if array.dtype.kind != "f":
        raise InputError(
            f"{name} has samples of type {kind}, but samples must be floating-point numbers in "
            f"[-1, 1], or {', '.join(ZERO_AND_FULL_SCALE)}"
        )
    with np.errstate(over="ignore"):  # infinity is refused below
        values = array.astype(np.float32)
    check_amplitudes(values.reshape(len(values), -1), name, first=0)
    peak = float(np.abs(values).max())
    if peak > MAX_PEAK:
        raise InputError(
            f"{name} has samples of up to {peak:g}, but floating-point samples lie in [-1, 1]; "
            "16-bit samples must be given as int16, or divided by 32768"
        )
    return values
