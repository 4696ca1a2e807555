"""Sinusoidal position encodings: absolute for tokens, relative or absolute for frames."""

import functools
import math

import torch
from torch import Tensor


def sinusoidal_encoding(positions: Tensor, d_model: int) -> Tensor:
    """Compute the sinusoidal encoding of positions (Attention Is All You Need, section 3.5).

    PE(p, 2i) = sin(p / 10000^(2i/D)), PE(p, 2i+1) = cos(p / 10000^(2i/D)).

    Args:
        positions: (T,) float positions, which may be negative.
        d_model: Width D of the encoding, even.

    Returns:
        (T, D).
    """
    rates = torch.exp(
        torch.arange(0, d_model, 2, device=positions.device, dtype=positions.dtype)
        * (-math.log(10000.0) / d_model)
    )
    angles = positions[:, None] * rates  # (T, D/2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


def token_positions(first: int, num_tokens: int, like: Tensor) -> Tensor:
    """Return encodings (U, D) of `num_tokens` tokens from `first` on, in the type of `like`."""
    positions = torch.arange(first, first + num_tokens, device=like.device, dtype=_precise())
    return sinusoidal_encoding(positions, like.size(-1)).to(like.dtype)


def relative_positions(num_queries: int, num_keys: int, like: Tensor) -> Tensor:
    """Return encodings of all distances between a query and a key, starting with the farthest past.

    Queries are the last `num_queries` of the `num_keys` frames, so the distance i - j runs from
    num_keys - 1 (last query, first key) down to -(num_queries - 1).

    Returns:
        (num_keys + num_queries - 1, D) in the type of `like`.
    """
    if torch.compiler.is_exporting():  # the sizes are symbols, which a cache cannot look up
        return _encode_distances(num_queries, num_keys, like.size(-1), like.dtype, like.device)
    return _distances(
        num_queries,
        num_keys,
        like.size(-1),
        like.dtype,
        like.device,
        torch.is_inference_mode_enabled(),
    )


@functools.lru_cache(maxsize=8)
def _distances(
    num_queries: int,
    num_keys: int,
    d_model: int,
    dtype: torch.dtype,
    device: torch.device,
    is_inference: bool,  # autograd cannot use a tensor that was created in inference mode
) -> Tensor:
    """Return `relative_positions` from a cache, because every chunk needs the same encodings."""
    return _encode_distances(num_queries, num_keys, d_model, dtype, device)


def _encode_distances(
    num_queries: int, num_keys: int, d_model: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Compute `relative_positions`."""
    distances = torch.arange(num_keys - 1, -num_queries, -1, device=device, dtype=_precise())
    return sinusoidal_encoding(distances, d_model).to(dtype)


def _precise() -> torch.dtype:
    """Return the type in which encodings are computed: float64, except in exported models.

    sherpa-onnx has no sine of float64. In float32, the encoding of a distance of 1000 frames is
    exact to 1e-4.
    """
    return torch.float32 if torch.compiler.is_exporting() else torch.float64


def key_positions(first: Tensor, num_keys: int, like: Tensor) -> Tensor:
    """Return encodings of the absolute positions of keys in their utterances.

    As in WeNet, they are always computed in float32. At large positions, the relative error of
    about 1e-7 changes the encodings, and weights that were trained with WeNet depend on it.

    Args:
        first: (B,) int64 position of the first key of each utterance.
        num_keys: Number K of keys.
        like: A tensor with the width D and the type of the result.

    Returns:
        (B, K, D).
    """
    keys = torch.arange(num_keys, device=like.device)
    positions = (first[:, None] + keys).to(torch.float32)
    encodings = sinusoidal_encoding(positions.flatten(), like.size(-1))
    return encodings.unflatten(0, positions.shape).to(like.dtype)
