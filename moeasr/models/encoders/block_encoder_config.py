"""The common config of all encoders that consist of blocks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import nn

from moeasr.config_roles import PROCEDURE
from moeasr.errors import InputError, not_defined
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.models.encoders.encoder import EncoderConfig
from moeasr.models.feed_forwards import AnyFeedForward
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.feed_forward import DenseConfig, FeedForwardConfig, Stack
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.subsampling import ConvSubsampling4
from moeasr.ranges import check_fraction, check_heads, check_size

MAX_BLOCKS = 1000
ATTENTIONS: dict[str, type[RelPositionAttention]] = {
    "relative": RelPositionAttention,
    "key_position": KeyPositionAttention,
}


@dataclass(frozen=True, kw_only=True)
class BlockEncoderConfig(EncoderConfig):
    """The common settings of encoders that consist of blocks.

    To add an encoder with blocks of your own, write a subclass with `build_block`.
    """

    num_blocks: int = 12
    """Number L of blocks."""
    num_heads: int = 4
    """Number H of attention heads."""
    attention: Literal["relative", "key_position"] = "relative"
    """Position on which attention scores depend: `relative` is the distance from query to key
    (Transformer-XL), `key_position` the absolute position of the key (WeNet's `rel_selfattn`)."""
    subsampling_channels: int | None = None
    """Number of channels of the two front-end convolutions; null means `d_model`."""
    num_groups: int | None = None
    """Number G of groups of blocks. The blocks of a group share attention, convolution and experts,
    but not routers and norms (arXiv 2209.08326). Null means no sharing."""
    group_layout: Literal["consecutive", "interleaved"] = "consecutive"
    """Layout of the groups: AABB (`consecutive`) or ABAB (`interleaved`). The layout in the paper
    is not known to us, so the default is our choice."""
    num_dense_blocks: int = 0
    """Number of first blocks, whose feed-forwards have no experts. These blocks share no modules
    with later blocks, see `num_groups`."""
    dense_hidden_units: int | None = None
    """Width of the feed-forwards of these blocks; null for the width of one expert plus that of the
    shared expert. K times the width of an expert costs as much as K experts per frame."""
    causal_conv: bool = True
    """True if the convolution or memory block uses past frames only, as streaming requires."""
    dropout: float = field(default=0.1, metadata=PROCEDURE)
    """Dropout rate after each module and inside feed-forwards."""
    attention_dropout: float = field(default=0.1, metadata=PROCEDURE)
    """Dropout rate of the attention weights."""
    feed_forward: AnyFeedForward = DenseConfig()
    """The feed-forward of each block; in a Conformer, the second one, after the convolution."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        super().__post_init__()
        check_size("num_blocks", self.num_blocks, 1, MAX_BLOCKS)
        check_size("num_dense_blocks", self.num_dense_blocks, 0, self.num_blocks)
        check_heads("d_model", self.d_model, "num_heads", self.num_heads)
        if self.dense_hidden_units is not None:
            check_size("dense_hidden_units", self.dense_hidden_units)
        if self.subsampling_channels is not None:
            check_size("subsampling_channels", self.subsampling_channels)
        check_fraction("dropout", self.dropout)
        check_fraction("attention_dropout", self.attention_dropout)
        if self.d_model % 2:
            raise InputError(f"`d_model` must be even, but is {self.d_model}")
        if self.dynamic_chunk and not self.causal_conv and self.has_convolution:
            raise InputError(
                "`dynamic_chunk: true` needs `causal_conv: true`, because a convolution that sees "
                "future frames cannot stream"
            )
        for key, part in self.feed_forwards.items():
            if self.dynamic_chunk and part.sees_future:
                raise InputError(
                    f"`dynamic_chunk` must be false, because the router of `{key}` reads later "
                    "frames of the utterance, and a model that trains in chunks must not see them"
                )
        self._check_groups()

    def _check_groups(self) -> None:
        if self.num_groups is None:
            return
        check_size("num_groups", self.num_groups)
        if self.num_blocks % self.num_groups:
            raise InputError(
                f"`num_blocks` must be a multiple of `num_groups` ({self.num_groups}), "
                f"but is {self.num_blocks}"
            )

    def check_odd(self, name: str, size: int) -> None:
        """Raise `InputError` if the kernel size of a centred convolution is even."""
        if not self.causal_conv and size > 0 and size % 2 == 0:
            raise InputError(f"`{name}` must be odd unless `causal_conv` is true, but is {size}")

    @property
    def sees_future(self) -> bool:
        """True if a frame depends on frames after its chunk."""
        has_future = not self.causal_conv and self.has_convolution
        return has_future or any(part.sees_future for part in self.feed_forwards.values())

    @property
    def has_convolution(self) -> bool:
        """True if a block combines a frame with its neighbours by a convolution."""
        return True

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """Feed-forward sections by key."""
        return {"feed_forward": self.feed_forward}

    @property
    def ends_in_norm(self) -> bool:
        """True if a norm follows the stack of blocks."""
        return True

    def build_block(self, stack: Stack, index: int, group: Sequence[nn.Module]) -> nn.Module:
        """Build an `EncoderBlock`.

        Args:
            stack: Shared settings of the feed-forwards.
            index: Index of the block, from 0.
            group: Previous blocks with which the new block shares modules. Norms and routers are
                never shared.
        """
        raise not_defined(type(self), "build_block")

    def build_attention(self) -> RelPositionAttention:
        """Build the self-attention of a block."""
        return ATTENTIONS[self.attention](self.d_model, self.num_heads, self.attention_dropout)

    def build(self, num_mel_bins: int, context_size: int) -> BlockEncoder:
        """Build the encoder, see `EncoderConfig.build`."""
        channels = self.subsampling_channels or self.d_model
        subsampling = ConvSubsampling4(num_mel_bins, self.d_model, channels)
        stack = Stack(self.d_model, self.dropout, context_size)
        width = self.dense_hidden_units
        parts = {key: part.without_experts(width) for key, part in self.feed_forwards.items()}
        without_experts = replace(self, **parts)
        groups: dict[tuple[int, bool], list[nn.Module]] = {}
        blocks = []
        for index in range(self.num_blocks):
            is_dense = index < self.num_dense_blocks
            group = groups.setdefault((self._group_of(index), is_dense), [])
            config = without_experts if is_dense else self
            block = config.build_block(stack, index, group)
            group.append(block)
            blocks.append(block)
        norm = nn.LayerNorm(self.d_model) if self.ends_in_norm else None
        knows_distance = self.attention == "relative"
        return BlockEncoder(
            subsampling, blocks, self.dropout, norm, knows_distance, self.sees_future
        )

    def _group_of(self, index: int) -> int:
        """Return the group of block `index`; without sharing, every block is its own group."""
        if self.num_groups is None:
            return index
        if self.group_layout == "interleaved":
            return index % self.num_groups
        return index * self.num_groups // self.num_blocks
