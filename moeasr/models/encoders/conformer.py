"""The Conformer block (arXiv 2005.08100), and the encoder that consists of such blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.cache import BlockPast
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.models.feed_forwards import AnyFeedForward
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import DenseConfig, FeedForward, FeedForwardConfig, Stack
from moeasr.nn.routing import Routing, named_routings
from moeasr.nn.valid_frames import ValidFrames
from moeasr.ranges import check_size


class ConformerBlock(nn.Module):
    """A Conformer block: half feed-forward, attention, convolution, half feed-forward, norm.

    Every module has a norm before it. The modules are passed in, so that feed-forwards may be dense
    or MoE and several blocks may share modules. Norms are never shared (arXiv 2209.08326).

    Args:
        d_model: Model width D.
        macaron_feed_forward: The first half-step feed-forward.
        attention: Self-attention with relative positions.
        convolution: The convolution module.
        feed_forward: The second half-step feed-forward.
        dropout: Dropout rate after each module.
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
        """Return the empty cache of streams before their first frame."""
        return BlockPast(self.attention.start(num_streams), self.convolution.start(num_streams))

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
        seen_attention, seen_convolution = past if past is not None else (None, None)
        y, first = self.macaron_feed_forward(self.macaron_norm(x), valid, context)
        x = torch.add(x, self.dropout(y), alpha=0.5)
        y, seen_attention = self.attention(
            self.attention_norm(x), positions, attention_mask, seen_attention
        )
        x = x + self.dropout(y)
        y, seen_convolution = self.convolution(
            self.convolution_norm(x), valid.mask, seen_convolution
        )
        x = x + self.dropout(y)
        y, second = self.feed_forward(self.feed_forward_norm(x), valid, context)
        x = torch.add(x, self.dropout(y), alpha=0.5)
        routings = named_routings(macaron_feed_forward=first, feed_forward=second)
        return self.final_norm(x), routings, BlockPast(seen_attention, seen_convolution)


@dataclass(frozen=True, kw_only=True)
class ConformerConfig(BlockEncoderConfig):
    """An encoder of Conformer blocks, as in U2++."""

    type: Literal["conformer"] = "conformer"
    conv_kernel_size: int = 15
    """Number of encoder frames that the depthwise convolution spans."""
    conv_norm: Literal["layer_norm", "none"] = "layer_norm"
    """Norm after the depthwise convolution; `none` if a batch norm is folded into it."""
    conv_edges: Literal["before_gate", "after_gate"] = "before_gate"
    """Place where the edges of an utterance are padded with zeros: before the first pointwise
    layer, as in a causal convolution, or after its gate."""
    final_norm: bool = False
    """True to add a norm after all blocks, as WeNet does. Each block already ends in a norm."""
    macaron_feed_forward: AnyFeedForward = DenseConfig()
    """The first feed-forward of each block, before the attention."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        check_size("conv_kernel_size", self.conv_kernel_size)
        super().__post_init__()
        self.check_odd("conv_kernel_size", self.conv_kernel_size)
        if self.causal_conv and self.conv_edges == "after_gate":
            raise InputError(
                "`conv_edges: after_gate` needs `causal_conv: false`, because the cache of a "
                "stream holds the inputs before the gate"
            )

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """Feed-forward sections by key."""
        return {
            "macaron_feed_forward": self.macaron_feed_forward,
            "feed_forward": self.feed_forward,
        }

    @property
    def ends_in_norm(self) -> bool:
        """True if a norm follows the stack of blocks."""
        return self.final_norm

    def build_block(self, stack: Stack, index: int, group: Sequence[nn.Module]) -> ConformerBlock:
        """Build a Conformer block, see `BlockEncoderConfig`."""
        like = group[0] if group else None
        return ConformerBlock(
            self.d_model,
            macaron_feed_forward=self.macaron_feed_forward.build(
                stack, like and like.macaron_feed_forward
            ),
            attention=like.attention if like else self.build_attention(),
            convolution=like.convolution.with_own_norm() if like else self._build_convolution(),
            feed_forward=self.feed_forward.build(stack, like and like.feed_forward),
            dropout=self.dropout,
        )

    def _build_convolution(self) -> ConvolutionModule:
        return ConvolutionModule(
            self.d_model,
            self.conv_kernel_size,
            self.causal_conv,
            has_norm=self.conv_norm == "layer_norm",
            pads_after_gate=self.conv_edges == "after_gate",
        )
