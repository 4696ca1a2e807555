"""The Conformer encoder (arXiv 2005.08100) with U2++'s chunk masks (arXiv 2106.05642)."""

from collections.abc import Sequence

from torch import Tensor, nn

from moeasr.models.outputs import EncoderOutput
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import FeedForward
from moeasr.nn.mask import make_chunk_mask, make_valid_mask
from moeasr.nn.position import relative_positions
from moeasr.nn.routing import Routing
from moeasr.nn.subsampling import ConvSubsampling4


class ConformerBlock(nn.Module):
    """Half feed-forward, attention, convolution, half feed-forward, norm (all pre-norm).

    The parts come built, so that a dense or an MoE feed-forward fits alike and several blocks may
    share parts; the norms are each block's own.

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

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        attention_mask: Tensor,
        valid_mask: Tensor,
        context: Tensor | None = None,
    ) -> tuple[Tensor, list[Routing]]:
        """Transform a batch of frames.

        Args:
            x: (B, T, D).
            positions: (2T - 1, D) relative positions.
            attention_mask: (B, T or 1, T) bool.
            valid_mask: (B, T) bool.
            context: (B, T, C) further router input, or None.

        Returns:
            (B, T, D), and the routings of the feed-forwards that have experts.
        """
        y, first = self.macaron_feed_forward(self.macaron_norm(x), valid_mask, context)
        x = x + 0.5 * self.dropout(y)
        y = self.attention(self.attention_norm(x), positions, attention_mask)
        x = x + self.dropout(y)
        x = x + self.dropout(self.convolution(self.convolution_norm(x), valid_mask))
        y, second = self.feed_forward(self.feed_forward_norm(x), valid_mask, context)
        x = x + 0.5 * self.dropout(y)
        return self.final_norm(x), [r for r in (first, second) if r is not None]


class ConformerEncoder(nn.Module):
    """Subsampling, then a stack of Conformer blocks.

    Args:
        subsampling: The front end, (B, T, F) -> (B, T', D).
        blocks: The stack.
        dropout: On the front end's output.
    """

    def __init__(
        self, subsampling: ConvSubsampling4, blocks: Sequence[ConformerBlock], dropout: float
    ) -> None:
        super().__init__()
        self.subsampling = subsampling
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int = -1,
        num_left_chunks: int = -1,
        context: Tensor | None = None,
    ) -> EncoderOutput:
        """Encode a batch.

        Args:
            feats: (B, T, F) normalised features.
            feats_lens: (B,).
            chunk_size: Frames (after subsampling) that see each other; -1 for full context.
            num_left_chunks: Chunks of the past a frame sees; -1 for all.
            context: (B, T', C) further router input, or None.
        """
        x, enc_lens = self.subsampling(feats, feats_lens)
        num_frames = x.size(1)
        valid_mask = make_valid_mask(enc_lens, num_frames)
        attention_mask = valid_mask[:, None, :]
        if chunk_size > 0:
            chunk_mask = make_chunk_mask(num_frames, chunk_size, num_left_chunks, x.device)
            attention_mask = attention_mask & chunk_mask
        positions = relative_positions(num_frames, num_frames, x)
        x = self.dropout(x)
        routings: list[Routing] = []
        for block in self.blocks:
            x, block_routings = block(x, positions, attention_mask, valid_mask, context)
            routings += block_routings
        return EncoderOutput(x, enc_lens, tuple(routings))
