"""The Transformer block of SpeechMoE's encoder (arXiv 2105.03036), and the encoder of such blocks.

The block has no convolution module and only one feed-forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.cache import BlockPast
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.feed_forward import FeedForward, Stack
from moeasr.nn.memory import MemoryBlock
from moeasr.nn.routing import Routing, named_routings
from moeasr.nn.valid_frames import ValidFrames
from moeasr.ranges import check_size


class TransformerBlock(nn.Module):
    """A Transformer block: optional memory block, optional self-attention, feed-forward.

    Every module has a norm before it.

    Args:
        d_model: Model width D.
        memory: An FSMN memory block, or None.
        attention: Self-attention with relative positions, or None.
        feed_forward: A dense or MoE feed-forward.
        dropout: Dropout rate after each module.
    """

    def __init__(
        self,
        d_model: int,
        memory: MemoryBlock | None,
        attention: RelPositionAttention | None,
        feed_forward: FeedForward,
        dropout: float,
    ) -> None:
        super().__init__()
        self.memory = memory
        self.attention = attention
        self.feed_forward = feed_forward
        self.memory_norm = nn.LayerNorm(d_model) if memory is not None else None
        self.attention_norm = nn.LayerNorm(d_model) if attention is not None else None
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def start(self, num_streams: int) -> BlockPast:
        """Return the empty cache of streams before their first frame."""
        return BlockPast(
            None if self.attention is None else self.attention.start(num_streams),
            None if self.memory is None else self.memory.start(num_streams),
        )

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        attention_mask: Tensor,
        valid: ValidFrames,
        context: Tensor | None = None,
        past: BlockPast | None = None,
    ) -> tuple[Tensor, dict[str, Routing], BlockPast]:
        """Transform a batch of frames.

        See `moeasr.models.encoders.block_encoder.EncoderBlock`.
        """
        seen_attention, seen_memory = past if past is not None else (None, None)
        if self.memory is not None:
            y, seen_memory = self.memory(self.memory_norm(x), valid.mask, seen_memory)
            x = x + self.dropout(y)
        if self.attention is not None:
            y, seen_attention = self.attention(
                self.attention_norm(x), positions, attention_mask, seen_attention
            )
            x = x + self.dropout(y)
        y, routing = self.feed_forward(self.feed_forward_norm(x), valid, context)
        routings = named_routings(feed_forward=routing)
        return x + self.dropout(y), routings, BlockPast(seen_attention, seen_memory)


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(BlockEncoderConfig):
    """An encoder of Transformer blocks without convolution modules, as in SpeechMoE."""

    type: Literal["transformer"] = "transformer"
    memory_kernel_size: int = 0
    """Number of frames in the FSMN memory block at the start of each block; 0 for none."""
    attention_every: int = 1
    """Distance between blocks with self-attention: 1 for every block, 2 for every second, and so
    on."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        super().__post_init__()
        check_size("memory_kernel_size", self.memory_kernel_size, 0)
        check_size("attention_every", self.attention_every)
        self.check_odd("memory_kernel_size", self.memory_kernel_size)
        if self.memory_kernel_size == 1:
            raise InputError("`memory_kernel_size` must be 0 or at least 2, but is 1")
        if self.attention_every > self.num_blocks:
            raise InputError(
                f"`attention_every` must be at most `num_blocks` ({self.num_blocks}), but is "
                f"{self.attention_every}, so no block would have attention"
            )
        if self.attention_every > 1 and not self.memory_kernel_size:
            raise InputError(
                "`attention_every` above 1 needs a `memory_kernel_size` above 0, because a block "
                "with neither attention nor memory would see only one frame"
            )

    @property
    def has_convolution(self) -> bool:
        """True if there are memory blocks."""
        return self.memory_kernel_size > 0

    def build_block(self, stack: Stack, index: int, group: Sequence[nn.Module]) -> TransformerBlock:
        """Build a Transformer block, see `BlockEncoderConfig`."""
        like = group[0] if group else None
        memory = attention = None
        if self.memory_kernel_size:
            memory = like.memory if like else self._build_memory()
        if (index + 1) % self.attention_every == 0:
            shared = [block.attention for block in group if block.attention is not None]
            attention = shared[0] if shared else self.build_attention()
        feed_forward = self.feed_forward.build(stack, like and like.feed_forward)
        return TransformerBlock(self.d_model, memory, attention, feed_forward, self.dropout)

    def _build_memory(self) -> MemoryBlock:
        return MemoryBlock(self.d_model, self.memory_kernel_size, self.causal_conv)
