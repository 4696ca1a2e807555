"""The encoder: a front end and a stack of blocks, under U2++'s chunk masks (arXiv 2106.05642)."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from moeasr.models.outputs import EncoderOutput
from moeasr.nn.mask import make_chunk_mask, make_valid_mask
from moeasr.nn.position import relative_positions
from moeasr.nn.routing import Routing
from moeasr.nn.subsampling import ConvSubsampling4


class EncoderBlock(Protocol):
    """What the stack asks of a block, Conformer's or Transformer's."""

    def __call__(
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
        ...


class Encoder(nn.Module):
    """Subsampling, then a stack of blocks.

    Args:
        subsampling: The front end, (B, T, F) -> (B, T', D).
        blocks: The stack, modules that are an `EncoderBlock`.
        dropout: On the front end's output.
        norm: After the stack, for blocks that do not end in a norm; or None.
    """

    def __init__(
        self,
        subsampling: ConvSubsampling4,
        blocks: Sequence[nn.Module],
        dropout: float,
        norm: nn.LayerNorm | None = None,
    ) -> None:
        super().__init__()
        self.subsampling = subsampling
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(dropout)
        self.norm = norm

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
            context: (B, T' or 1, C) further router input, or None.
        """
        x, enc_lens = self.subsampling(feats, feats_lens)
        num_frames = x.size(1)
        valid_mask = make_valid_mask(enc_lens, num_frames)
        attention_mask = valid_mask[:, None, :]
        if chunk_size > 0:
            chunk_mask = make_chunk_mask(num_frames, chunk_size, num_left_chunks, x.device)
            attention_mask = attention_mask & chunk_mask
        if context is not None:
            context = context.expand(-1, num_frames, -1)
        positions = relative_positions(num_frames, num_frames, x)
        x = self.dropout(x)
        routings: list[Routing] = []
        for block in self.blocks:
            x, block_routings = block(x, positions, attention_mask, valid_mask, context)
            routings += block_routings
        if self.norm is not None:
            x = self.norm(x)
        return EncoderOutput(x, enc_lens, tuple(routings))
