"""Sinusoidal position encodings: absolute for tokens, relative or absolute for frames."""

import functools
import math

import torch
from torch import Tensor


def sinusoidal_encoding(positions: Tensor, d_model: int) -> Tensor:
    """Sines and cosines of `positions` (Attention Is All You Need, section 3.5).

    PE(p, 2i) = sin(p / 10000^(2i/D)), PE(p, 2i+1) = cos(p / 10000^(2i/D)).

    Args:
        positions: (T,) float, any values, negative ones too.
        d_model: D, even.

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
    """Encodings (U, D) of tokens `first` .. `first + num_tokens - 1`, in `like`'s type."""
    positions = torch.arange(first, first + num_tokens, device=like.device, dtype=torch.float64)
    return sinusoidal_encoding(positions, like.size(-1)).to(like.dtype)


def relative_positions(num_queries: int, num_keys: int, like: Tensor) -> Tensor:
    """Encodings of every distance between a query and a key, the farthest past first.

    Queries are the last `num_queries` of the `num_keys` frames, so distance i - j runs from
    num_keys - 1 (last query, first key) down to -(num_queries - 1).

    Returns:
        (num_keys + num_queries - 1, D) in `like`'s type.
    """
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
    is_inference: bool,  # a tensor made in inference mode is of no use to autograd
) -> Tensor:
    """`relative_positions`, which a stream asks for again and again."""
    distances = torch.arange(num_keys - 1, -num_queries, -1, device=device, dtype=torch.float64)
    return sinusoidal_encoding(distances, d_model).to(dtype)


def key_positions(first: Tensor, num_keys: int, like: Tensor) -> Tensor:
    """Encodings of keys by where they are in their utterance.

    Computed in float32 whatever `like` is, as WeNet does: far from the beginning its encodings
    are off by some 1e-7 of the position, and trained weights know them so.

    Args:
        first: (B,) int64 position of each utterance's first key.
        num_keys: K.
        like: Gives width D and type.

    Returns:
        (B, K, D).
    """
    keys = torch.arange(num_keys, device=like.device)
    positions = (first[:, None] + keys).to(torch.float32)
    encodings = sinusoidal_encoding(positions.flatten(), like.size(-1))
    return encodings.unflatten(0, positions.shape).to(like.dtype)
