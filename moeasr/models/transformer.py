"""The blocks of SpeechMoE's own encoder (arXiv 2105.03036): no convolution module, no macaron."""

from torch import Tensor, nn

from moeasr.models.cache import BlockPast
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.feed_forward import FeedForward
from moeasr.nn.memory import MemoryBlock
from moeasr.nn.routing import Routing


class TransformerBlock(nn.Module):
    """Memory block, self-attention, feed-forward (all pre-norm); memory or attention may lack.

    Args:
        d_model: D.
        memory: An FSMN memory block, or None.
        attention: Self-attention with relative positions, or None.
        feed_forward: Dense or MoE.
        dropout: After each part.
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
        """See `moeasr.models.encoder.EncoderBlock`."""
        return BlockPast(
            None if self.attention is None else self.attention.start(num_streams),
            None if self.memory is None else self.memory.start(num_streams),
        )

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
        seen_attention, seen_memory = past if past is not None else (None, None)
        if self.memory is not None:
            y, seen_memory = self.memory(self.memory_norm(x), valid_mask, seen_memory)
            x = x + self.dropout(y)
        if self.attention is not None:
            y, seen_attention = self.attention(
                self.attention_norm(x), positions, attention_mask, seen_attention
            )
            x = x + self.dropout(y)
        y, routing = self.feed_forward(self.feed_forward_norm(x), valid_mask, context)
        routings = [] if routing is None else [routing]
        return x + self.dropout(y), routings, BlockPast(seen_attention, seen_memory)
