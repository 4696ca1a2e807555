"""Attention with scores that depend on the absolute position of the key in its utterance."""

import math

import torch.nn.functional as F
from torch import Tensor

from moeasr.nn.attention import KeysAndValues, RelPositionAttention, join, masked_bias, split


class KeyPositionAttention(RelPositionAttention):
    """Self-attention as in WeNet's Conformers (`selfattention_layer_type: rel_selfattn`).

    score_ij = ((q_i + u) . k_j + (q_i + v) . W_p e_j) / sqrt(D / H), where e_j encodes the position
    j of the key in its utterance.

    This is Transformer-XL's attention (section 3.3) without its relative shift: the encoding
    represents j itself instead of the distance i - j. The weights have the names and shapes of
    `RelPositionAttention`, but compute a different function.

    The implementation collects the terms with q_i. Then
    score_ij = (q_i . (k_j + W_p e_j) + b_j) / sqrt(D / H) with b_j = u . k_j + v . W_p e_j,
    which is a plain dot product plus a bias per key.
    """

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
            positions: Position encodings of the keys (B or 1, P + T, D), from
                `moeasr.nn.position.key_positions`.
            mask: (B, T or 1, P + T) bool, True where a query may attend.
            past: In streaming, keys and values of the P frames before x; None for P = 0.

        Returns:
            The attention outputs (B, T, D), and the keys and values of all P + T frames without
            their positions.
        """
        keys, values = seen = self._read(x, past)
        position = self.position(positions)  # (B or 1, P + T, D)
        by_key = split(keys, self.num_heads) @ self.content_bias[:, :, None]
        by_key = by_key + split(position, self.num_heads) @ self.position_bias[:, :, None]
        query = split(self.query(x), self.num_heads)  # (B, H, T, D/H)
        bias = by_key.transpose(2, 3) / math.sqrt(query.size(-1))  # (B, H, 1, P + T)
        heads = F.scaled_dot_product_attention(
            query,
            split(keys + position, self.num_heads),
            split(values, self.num_heads),
            attn_mask=masked_bias(bias, mask[:, None]),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(join(heads)), seen
