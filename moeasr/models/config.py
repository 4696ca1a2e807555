"""The `model:` section of an experiment's YAML: one dataclass per part, one place to look."""

from dataclasses import dataclass, field
from typing import Literal

from moeasr.errors import InputError
from moeasr.moe.routers import check_selection


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """A dense feed-forward, or a mixture of expert feed-forwards."""

    type: Literal["dense", "moe"] = "dense"
    """`moe` replaces the feed-forward by experts and a router."""
    hidden_units: int = 2048
    """M: width of the hidden layer, of each expert if there are experts."""
    num_experts: int = 8
    """E (moe only)."""
    experts_per_frame: int = 2
    """K: how many experts each frame is sent to (moe only)."""
    expert_weights: Literal["selected", "full"] = "selected"
    """Softmax over the K selected logits (U2++ MoE), or over all E (SpeechMoE, Switch)."""
    router: str = "top_k"
    """One of `moeasr.models.build.ROUTERS`."""
    kernel: str = "sorted"
    """How experts are run, one of `moeasr.moe.experts.EXPERT_KERNELS`; all give equal results."""

    def __post_init__(self) -> None:
        """Check ranges."""
        _at_least("hidden_units", self.hidden_units, 1)
        _at_least("num_experts", self.num_experts, 1)
        _at_least("experts_per_frame", self.experts_per_frame, 1)
        if self.type == "moe":
            check_selection(self.num_experts, self.experts_per_frame, self.expert_weights)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """A U2++ Conformer encoder."""

    num_blocks: int = 12
    """L."""
    d_model: int = 256
    """D: width of every block."""
    num_heads: int = 4
    """H."""
    subsampling_channels: int | None = None
    """Channels of the two front-end convolutions; null means `d_model`."""
    conv_kernel_size: int = 15
    """Frames (after subsampling) of the depthwise convolution."""
    causal_conv: bool = True
    """The convolution sees the past only; chunk-wise streaming needs it."""
    dynamic_chunk: bool = True
    """Train each batch at a random chunk size, so that one model streams and does not (U2++)."""
    max_chunk_size: int = 25
    """Largest random chunk in frames after subsampling; 25 = 1 s."""
    dropout: float = 0.1
    """After each module, and inside feed-forwards."""
    attention_dropout: float = 0.1
    """On the attention weights."""
    feed_forward: FeedForwardConfig = field(default_factory=FeedForwardConfig)
    """The second feed-forward of each block (after the convolution)."""
    macaron_feed_forward: FeedForwardConfig = field(default_factory=FeedForwardConfig)
    """The first feed-forward of each block (before the attention)."""

    def __post_init__(self) -> None:
        """Check ranges and combinations."""
        _at_least("num_blocks", self.num_blocks, 1)
        _at_least("max_chunk_size", self.max_chunk_size, 1)
        _at_least("conv_kernel_size", self.conv_kernel_size, 1)
        _divisible("d_model", self.d_model, self.num_heads)
        _fraction("dropout", self.dropout)
        _fraction("attention_dropout", self.attention_dropout)
        if self.d_model % 2:
            raise InputError(f"`d_model` must be even, but is {self.d_model}")
        if not self.causal_conv and self.conv_kernel_size % 2 == 0:
            raise InputError(
                "`conv_kernel_size` must be odd unless `causal_conv` is true, "
                f"but is {self.conv_kernel_size}"
            )
        if self.dynamic_chunk and not self.causal_conv:
            raise InputError(
                "`dynamic_chunk: true` needs `causal_conv: true`: a convolution that sees future "
                "frames cannot stream"
            )


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The attention decoders: left to right, and right to left for rescoring."""

    num_blocks: int = 3
    """Blocks of the left-to-right decoder."""
    num_reverse_blocks: int = 3
    """Blocks of the right-to-left decoder; 0 for none."""
    num_heads: int = 4
    """H."""
    dropout: float = 0.1
    """After each module, and inside feed-forwards."""
    attention_dropout: float = 0.0
    """On the attention weights."""
    feed_forward: FeedForwardConfig = field(default_factory=FeedForwardConfig)
    """The feed-forward of each block."""

    def __post_init__(self) -> None:
        """Check ranges."""
        _at_least("num_blocks", self.num_blocks, 1)
        _at_least("num_reverse_blocks", self.num_reverse_blocks, 0)
        _fraction("dropout", self.dropout)
        _fraction("attention_dropout", self.attention_dropout)


@dataclass(frozen=True, kw_only=True)
class RoutingLossWeights:
    """Weights of the routing losses, each summed over MoE layers; 0 leaves a loss out."""

    sparsity_l1: float = 0.0
    """SpeechMoE's alpha."""
    mean_importance: float = 0.0
    """SpeechMoE's beta."""
    switch_balance: float = 0.0
    """Switch Transformer's load balance."""
    z: float = 0.0
    """ST-MoE's router z-loss."""

    def __post_init__(self) -> None:
        """Check ranges."""
        for name, weight in vars(self).items():
            if not weight >= 0:
                raise InputError(f"`{name}` must be 0 or more, but is {weight}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The whole recogniser: encoder, decoders and the weights of their losses."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """The Conformer."""
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    """The attention decoders."""
    ctc_weight: float = 0.3
    """lambda in L = lambda CTC + (1 - lambda) attention."""
    reverse_weight: float = 0.3
    """Share of the right-to-left decoder in the attention loss (without one: 0)."""
    label_smoothing: float = 0.1
    """Probability mass taken from the right token, in the attention loss."""
    routing_losses: RoutingLossWeights = field(default_factory=RoutingLossWeights)
    """Weights of the routing losses."""

    def __post_init__(self) -> None:
        """Check ranges and combinations."""
        _fraction("ctc_weight", self.ctc_weight)
        _fraction("reverse_weight", self.reverse_weight)
        _fraction("label_smoothing", self.label_smoothing)
        if self.reverse_weight > 0 and self.decoder.num_reverse_blocks == 0:
            raise InputError("`reverse_weight` must be 0 when `decoder.num_reverse_blocks` is 0")
        _divisible("encoder.d_model", self.encoder.d_model, self.decoder.num_heads)


def _at_least(name: str, value: int, minimum: int) -> None:
    if value < minimum:
        raise InputError(f"`{name}` must be at least {minimum}, but is {value}")


def _fraction(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise InputError(f"`{name}` must be between 0 and 1, but is {value}")


def _divisible(name: str, value: int, by: int) -> None:
    if by < 1 or value < 1 or value % by:
        raise InputError(f"`{name}` must be a multiple of the number of heads, but is {value}")
