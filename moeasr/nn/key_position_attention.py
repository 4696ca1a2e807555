"""Attention whose scores know where in the utterance a key is."""

import math

import torch.nn.functional as F
from torch import Tensor

from moeasr.nn.attention import KeysAndValues, RelPositionAttention, join, masked_bias, split


class KeyPositionAttention(RelPositionAttention):
    """score_ij = ((q_i + u) . k_j + (q_i + v) . W_p e_j) / sqrt(D / H), e_j the key's position.

    This is Transformer-XL's attention (section 3.3) without its relative shift, so that the
    encoding is not of the distance i - j but of j itself, counted from the utterance's beginning.
    WeNet trains its Conformers so (`selfattention_layer_type: rel_selfattn`). The weights are those
    of `RelPositionAttention`, but what they compute is another thing.

    As both terms with q_i share it, score_ij = (q_i . (k_j + W_p e_j) + b_j) / sqrt(D / H) with
    b_j = u . k_j + v . W_p e_j: a plain dot product, and a bias for each key.
    """

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        mask: Tensor,
        past: KeysAndValues | None = None,
    ) -> tuple[Tensor, KeysAndValues]:
        """Let each frame look at the frames that `mask` allows.

        Args:
            x: (B, T, D).
            positions: (B or 1, P + T, D) of the keys, from `moeasr.nn.position.key_positions`.
            mask: (B, T or 1, P + T) bool.
            past: Of the P frames before x, in streaming; None for P = 0.

        Returns:
            (B, T, D), and the keys and values of all P + T frames, without their positions.
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
