"""Multi-head attention: without positions for tokens, with relative positions for frames."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeysAndValues(NamedTuple):
    """The projected keys and values of the frames that attention has seen."""

    keys: Tensor
    """Keys, (B, P, D)."""
    values: Tensor
    """Values, (B, P, D)."""


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention over H heads.

    Args:
        d_model: Model width D, divisible by `num_heads`.
        num_heads: Number of heads H.
        dropout: Dropout rate of the attention weights.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, memory: KeysAndValues, mask: Tensor) -> Tensor:
        """Attend from each frame of `x` to frames whose keys and values are given.

        Args:
            x: Queries, (B, Tq, D).
            memory: Keys and values of Tk frames, as `read` returns them.
            mask: (B, Tq or 1, Tk) bool, True where a query may attend.

        Returns:
            The attention outputs, (B, Tq, D).
        """
        heads = F.scaled_dot_product_attention(
            split(self.query(x), self.num_heads),
            split(memory.keys, self.num_heads),
            split(memory.values, self.num_heads),
            attn_mask=masked_bias(x.new_zeros(()), mask[:, None]),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(join(heads))

    def read(self, memory: Tensor) -> KeysAndValues:
        """Project frames (B, Tk, D) to keys and values."""
        return KeysAndValues(self.key(memory), self.value(memory))


class RelPositionAttention(nn.Module):
    """Attention with scores that depend on the distance from query to key (Transformer-XL, 3.3).

    score_ij = ((q_i + u) . k_j + (q_i + v) . W_p r_{i-j}) / sqrt(D / H), where r is the sinusoidal
    encoding of the distance, and u and v are learned per head.

    Args:
        d_model: Model width D, divisible by `num_heads`.
        num_heads: Number of heads H.
        dropout: Dropout rate of the attention weights.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.position = nn.Linear(d_model, d_model, bias=False)
        self.output = nn.Linear(d_model, d_model)
        self.content_bias = nn.Parameter(torch.empty(num_heads, d_model // num_heads))  # u
        self.position_bias = nn.Parameter(torch.empty(num_heads, d_model // num_heads))  # v
        nn.init.xavier_uniform_(self.content_bias)
        nn.init.xavier_uniform_(self.position_bias)

    def no_weight_decay(self) -> list[nn.Parameter]:
        """Return the biases u and v.

        They are matrices, with one vector per head, and would be decayed like weights otherwise.
        """
        return [self.content_bias, self.position_bias]

    def start(self, num_streams: int) -> KeysAndValues:
        """Return the empty cache of streams before their first frame."""
        nothing = self.content_bias.new_zeros(num_streams, 0, self.content_bias.numel())
        return KeysAndValues(nothing, nothing)

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        mask: Tensor,
        past: KeysAndValues | None = None,
    ) -> tuple[Tensor, KeysAndValues]:
        """Attend from each frame to the frames that `mask` allows.

        Args:
            x: Frames, (B, T, D).
            positions: Position encodings (P + 2T - 1, D) from `relative_positions(T, P + T, x)`.
            mask: (B, T or 1, P + T) bool, True where a query may attend.
            past: In streaming, keys and values of the P frames before x; None for P = 0.

        Returns:
            The attention outputs (B, T, D), and the keys and values of all P + T frames.
        """
        keys, values = seen = self._read(x, past)
        query = split(self.query(x), self.num_heads)  # (B, H, T, D/H)
        # (1, H, P + 2T - 1, D/H)
        position = split(self.position(positions)[None], self.num_heads)
        by_distance = (query + self.position_bias[:, None]) @ position.transpose(2, 3)
        by_position = _distance_to_key(by_distance, keys.size(1)) / math.sqrt(query.size(-1))
        heads = F.scaled_dot_product_attention(
            query + self.content_bias[:, None],
            split(keys, self.num_heads),
            split(values, self.num_heads),
            attn_mask=masked_bias(by_position, mask[:, None]),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(join(heads)), seen

    def _read(self, x: Tensor, past: KeysAndValues | None) -> KeysAndValues:
        """Return the keys and values of the frames in `past`, if any, followed by those of x."""
        keys, values = self.key(x), self.value(x)
        if past is not None:
            keys = torch.cat((past.keys, keys), dim=1)
            values = torch.cat((past.values, values), dim=1)
        return KeysAndValues(keys, values)


def masked_bias(bias: Tensor, mask: Tensor) -> Tensor:
    """Return `bias` where `mask` is True, and the lowest finite number elsewhere.

    The number is not -inf: the softmax of a padding frame that may attend to nothing would be NaN
    and spoil the gradients of the whole batch.
    """
    return torch.where(mask, bias, torch.finfo(bias.dtype).min)


def _distance_to_key(by_distance: Tensor, num_keys: int) -> Tensor:
    """Convert scores by distance (B, H, Tq, Tk + Tq - 1) into scores by key (B, H, Tq, Tk).

    Row i needs the distances to keys 0 .. Tk-1. In the order of `relative_positions` these are
    adjacent columns, which start one column earlier in each row. Reading the padded rows as rows
    that are one column narrower performs this shift (Transformer-XL, appendix B).
    """
    batch, heads, queries, distances = by_distance.shape
    padded = F.pad(by_distance, (1, 0)).view(batch, heads, distances + 1, queries)
    return padded[:, :, 1:].reshape(batch, heads, queries, distances)[..., :num_keys]


def split(x: Tensor, num_heads: int) -> Tensor:
    """Split frames into heads, (B, T, D) -> (B, H, T, D/H)."""
    return x.unflatten(2, (num_heads, -1)).transpose(1, 2)


def join(heads: Tensor) -> Tensor:
    """Join heads into frames, (B, H, T, D/H) -> (B, T, D)."""
    return heads.transpose(1, 2).flatten(2)
