"""The Conformer block (arXiv 2005.08100)."""

import torch
from torch import Tensor, nn

from moeasr.models.cache import BlockPast
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import FeedForward
from moeasr.nn.routing import Routing


class ConformerBlock(nn.Module):
    """Half feed-forward, attention, convolution, half feed-forward, norm (all pre-norm).

    The parts come built, so that a dense or an MoE feed-forward fits alike and several blocks may
    share parts; the norms are each block's own (arXiv 2209.08326).

    Args:
        d_model: D.
        macaron_feed_forward: The first half-step feed-forward.
        attention: Self-attention with relative positions.
        convolution: The convolution module.
        feed_forward: The second half-step feed-forward.
        dropout: After each part.
    """

    def __init__(
        self,
        d_model: int,
        macaron_feed_forward: FeedForward,
        attention: RelPositionAttention,
        convolution: ConvolutionModule,
        feed_forward: FeedForward,
        dropout: float,
    ) -> None:
        super().__init__()
        self.macaron_feed_forward = macaron_feed_forward
        self.attention = attention
        self.convolution = convolution
        self.feed_forward = feed_forward
        self.macaron_norm = nn.LayerNorm(d_model)
        self.attention_norm = nn.LayerNorm(d_model)
        self.convolution_norm = nn.LayerNorm(d_model)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.final_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def start(self, num_streams: int) -> BlockPast:
        """See `moeasr.models.encoder.EncoderBlock`."""
        return BlockPast(self.attention.start(num_streams), self.convolution.start(num_streams))

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        attention_mask: Tensor,
        valid_mask: Tensor,
        context: Tensor | None = None,
        past: BlockPast | None = None,
    ) -> tuple[Tensor, list[Routing], BlockPast]:
        """See `moeasr.models.encoder.EncoderBlock`."""
        seen_attention, seen_convolution = past if past is not None else (None, None)
        y, first = self.macaron_feed_forward(self.macaron_norm(x), valid_mask, context)
        x = torch.add(x, self.dropout(y), alpha=0.5)
        y, seen_attention = self.attention(
            self.attention_norm(x), positions, attention_mask, seen_attention
        )
        x = x + self.dropout(y)
        y, seen_convolution = self.convolution(
            self.convolution_norm(x), valid_mask, seen_convolution
        )
        x = x + self.dropout(y)
        y, second = self.feed_forward(self.feed_forward_norm(x), valid_mask, context)
        x = torch.add(x, self.dropout(y), alpha=0.5)
        routings = [r for r in (first, second) if r is not None]
        return self.final_norm(x), routings, BlockPast(seen_attention, seen_convolution)
