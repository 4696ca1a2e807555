"""The `model:` section of an experiment's YAML: one dataclass per part, one place to look."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from moeasr.config import OneOf
from moeasr.errors import InputError
from moeasr.models.feed_forwards import FEED_FORWARDS, ROUTERS
from moeasr.moe.experts import EXPERT_KERNELS
from moeasr.moe.routers import check_selection
from moeasr.nn.feed_forward import ACTIVATIONS

FIXED_ROUTERS = ("random", "hash")
"""Routers that learn nothing."""
MAX_BLOCKS = 1000
MAX_SIZE = 1_000_000
"""Bounds above every network that can be trained. What is beyond them is a slip of the pen, which
would take all memory, or build blocks without end."""


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """A dense feed-forward, or a mixture of expert feed-forwards."""

    type: Annotated[str, OneOf(FEED_FORWARDS)] = "dense"
    """`moe` replaces the feed-forward by experts and a router."""
    hidden_units: int = 2048
    """M: width of the hidden layer, of each expert if there are experts."""
    activation: Annotated[str, OneOf(ACTIVATIONS)] = "silu"
    """Between the two layers; silu is also called swish."""
    num_experts: int = 8
    """E (moe only)."""
    experts_per_frame: int = 2
    """K: how many experts each frame is sent to (moe only)."""
    expert_weights: Literal["selected", "full", "one"] = "selected"
    """Softmax over the K selected logits (U2++ MoE), or over all E (SpeechMoE, Switch). `one`
    weighs the single chosen expert by 1: for imported models, since it gives the router no
    gradient."""
    router: Annotated[str, OneOf(ROUTERS)] = "top_k"
    """One of `moeasr.models.feed_forwards.ROUTERS` (moe only)."""
    kernel: Annotated[str, OneOf(EXPERT_KERNELS)] = "sorted"
    """How experts are run, one of `moeasr.moe.experts.EXPERT_KERNELS`; all give equal results."""
    capacity_factor: float | None = None
    """Other toolkits' limit on an expert's frames. Known here only to be refused with the reason:
    it must stay null."""

    def __post_init__(self) -> None:
        """Check ranges."""
        _at_least("hidden_units", self.hidden_units, 1)
        _at_least("num_experts", self.num_experts, 1)
        _at_least("experts_per_frame", self.experts_per_frame, 1)
        if self.capacity_factor is not None:
            raise InputError(
                "`capacity_factor` must be null: which frames a full expert drops depends on the "
                "rest of the batch, so such a model can neither stream nor repeat its results"
            )
        if self.type == "moe":
            learns = self.router not in FIXED_ROUTERS
            weights = self.expert_weights if learns else "full"
            check_selection(self.num_experts, self.experts_per_frame, weights)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """An encoder: U2++'s Conformer, or a Transformer without convolution."""

    type: Literal["conformer", "transformer"] = "conformer"
    """`transformer` blocks have one feed-forward, no convolution and no macaron (SpeechMoE's)."""
    num_blocks: int = 12
    """L."""
    d_model: int = 256
    """D: width of every block."""
    num_heads: int = 4
    """H."""
    attention: Literal["relative", "key_position"] = "relative"
    """What scores know beside content: the distance from query to key (Transformer-XL), or where in
    the utterance the key is (WeNet's `rel_selfattn`, which has no relative shift)."""
    subsampling_channels: int | None = None
    """Channels of the two front-end convolutions; null means `d_model`."""
    num_groups: int | None = None
    """G: blocks of a group share attention, convolution and experts; routers and norms stay each
    block's own (arXiv 2209.08326). Null: no sharing."""
    group_layout: Literal["consecutive", "interleaved"] = "consecutive"
    """Which blocks form a group: AABB or ABAB. The paper's is not known to us; our choice."""
    conv_kernel_size: int = 15
    """Frames (after subsampling) of the depthwise convolution (conformer)."""
    conv_norm: Literal["layer_norm", "none"] = "layer_norm"
    """After the depthwise convolution (conformer); `none` for one with a batch norm folded in."""
    conv_edges: Literal["before_gate", "after_gate"] = "before_gate"
    """Where zeros stand for the frames beyond an utterance's edges: before the first pointwise
    layer, as in a causal convolution, or after its gate (conformer)."""
    final_norm: bool = False
    """A norm after all blocks. A Conformer block ends in a norm of its own, so ours has none, but
    WeNet's has; after transformer blocks there always is one."""
    memory_kernel_size: int = 0
    """Frames of the FSMN memory block at the start of each block; 0 for none (transformer)."""
    attention_every: int = 1
    """Every how many blocks one has self-attention, the last of them (transformer)."""
    causal_conv: bool = True
    """Convolution or memory block sees the past only; chunk-wise streaming needs it."""
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
        _at_least("num_blocks", self.num_blocks, 1, MAX_BLOCKS)
        _at_least("max_chunk_size", self.max_chunk_size, 1)
        _at_least("conv_kernel_size", self.conv_kernel_size, 1)
        _at_least("d_model", self.d_model, 1)
        _divisible("d_model", self.d_model, self.num_heads)
        if self.subsampling_channels is not None:
            _at_least("subsampling_channels", self.subsampling_channels, 1)
        _fraction("dropout", self.dropout)
        _fraction("attention_dropout", self.attention_dropout)
        if self.d_model % 2:
            raise InputError(f"`d_model` must be even, but is {self.d_model}")
        for name in ("conv_kernel_size", "memory_kernel_size"):
            size = getattr(self, name)
            if not self.causal_conv and size > 0 and size % 2 == 0:
                raise InputError(
                    f"`{name}` must be odd unless `causal_conv` is true, but is {size}"
                )
        if self.dynamic_chunk and not self.causal_conv:
            raise InputError(
                "`dynamic_chunk: true` needs `causal_conv: true`: a convolution that sees future "
                "frames cannot stream"
            )
        if self.causal_conv and self.conv_edges == "after_gate":
            raise InputError(
                "`conv_edges: after_gate` needs `causal_conv: false`: a stream remembers what "
                "comes before the gate"
            )
        self._check_groups()
        self._check_memory()

    def _check_groups(self) -> None:
        if self.num_groups is None:
            return
        _at_least("num_groups", self.num_groups, 1)
        if self.num_blocks % self.num_groups:
            raise InputError(
                f"`num_blocks` must be a multiple of `num_groups` ({self.num_groups}), "
                f"but is {self.num_blocks}"
            )

    def _check_memory(self) -> None:
        _at_least("memory_kernel_size", self.memory_kernel_size, 0)
        _at_least("attention_every", self.attention_every, 1)
        if self.memory_kernel_size == 1:
            raise InputError("`memory_kernel_size` must be 0, or 2 or more: 1 is no memory")
        if self.attention_every > self.num_blocks:
            raise InputError(
                f"`attention_every` must be at most `num_blocks` ({self.num_blocks}), but is "
                f"{self.attention_every}: no block would have attention"
            )
        if self.type == "conformer" and (self.memory_kernel_size or self.attention_every > 1):
            raise InputError(
                "`memory_kernel_size` and `attention_every` belong to `type: transformer`; "
                "a Conformer block has its convolution"
            )
        if self.attention_every > 1 and not self.memory_kernel_size:
            raise InputError(
                "`attention_every` above 1 needs a `memory_kernel_size`: a block with neither "
                "attention nor memory would see one frame only"
            )


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The attention decoders: left to right, and right to left for rescoring."""

    num_blocks: int = 3
    """Blocks of the left-to-right decoder; 0 for a model of CTC alone."""
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
        _at_least("num_blocks", self.num_blocks, 0, MAX_BLOCKS)
        _at_least("num_reverse_blocks", self.num_reverse_blocks, 0, MAX_BLOCKS)
        if self.num_reverse_blocks > 0 and self.num_blocks == 0:
            raise InputError(
                "`num_reverse_blocks` must be 0 when `num_blocks` is 0: the right-to-left decoder "
                "only rescores with the other"
            )
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
            if not 0 <= weight < math.inf:
                raise InputError(f"`{name}` must be 0 or more, but is {weight}")


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """SpeechMoE's embedding network, whose states every `router: embedding` sees."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """Its blocks and width C; dense. Its `dynamic_chunk` is not looked at: it runs in the chunks
    of the encoder that it serves."""
    loss_weight: float = 0.01
    """gamma: weight of its own CTC loss. It learns from nothing else; 0 freezes it."""

    def __post_init__(self) -> None:
        """Check ranges and combinations."""
        if not 0 <= self.loss_weight < math.inf:
            raise InputError(f"`loss_weight` must be 0 or more, but is {self.loss_weight}")
        if "moe" in (self.encoder.feed_forward.type, self.encoder.macaron_feed_forward.type):
            raise InputError("the embedding network's feed-forwards must be `type: dense`")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The whole recogniser: encoder, decoders and the weights of their losses."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """The shared encoder."""
    embedding: EmbeddingConfig | None = None
    """SpeechMoE's embedding network; null for none."""
    languages: tuple[str, ...] = ()
    """Languages of the corpus as its `utt2lang` names them, for `router: language`."""
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
        if self.decoder.num_blocks == 0 and self.ctc_weight < 1:
            raise InputError(
                f"`ctc_weight` must be 1 when `decoder.num_blocks` is 0, but is {self.ctc_weight}"
            )
        self._check_embedding()
        self._check_languages()
        self._check_losses()

    def _routers(self, include_decoder: bool) -> set[str]:
        """Names of the routers in use."""
        parts = [self.encoder.feed_forward]
        if self.encoder.type == "conformer":
            parts.append(self.encoder.macaron_feed_forward)
        if include_decoder and self.decoder.num_blocks > 0:
            parts.append(self.decoder.feed_forward)
        return {part.router for part in parts if part.type == "moe"}

    def _check_embedding(self) -> None:
        wanted = "embedding" in self._routers(include_decoder=False)
        if wanted and self.embedding is None:
            raise InputError(
                "`router: embedding` needs an `embedding` section: SpeechMoE's network"
            )
        if self.embedding is None:
            return
        if not wanted:
            raise InputError(
                "there is an `embedding` section, but no feed-forward of the encoder has "
                "`router: embedding` to look at it"
            )
        if self.encoder.causal_conv and not self.embedding.encoder.causal_conv:
            raise InputError(
                "`embedding.encoder.causal_conv` must be true where `encoder.causal_conv` is: "
                "through its embeddings the encoder would see future frames"
            )

    def _check_languages(self) -> None:
        wanted = "language" in self._routers(include_decoder=False)
        if wanted and len(self.languages) < 2:
            raise InputError(
                "`router: language` needs `languages`, two or more, as utt2lang names them"
            )
        if self.languages and not wanted:
            raise InputError(
                "there are `languages`, but no feed-forward of the encoder has `router: language`"
            )
        if "" in self.languages:
            raise InputError("`languages` has an empty name")
        if len(set(self.languages)) < len(self.languages):
            raise InputError(f"`languages` names one twice: {', '.join(self.languages)}")
        if wanted and self.embedding is not None:
            raise InputError("`router: language` and `router: embedding` do not go together")
        decoder = self.decoder.feed_forward
        has_experts = self.decoder.num_blocks > 0 and decoder.type == "moe"
        if has_experts and decoder.router in ("language", "embedding"):
            raise InputError(
                f"`decoder.feed_forward.router` cannot be {decoder.router}: that router is for "
                "frames, and a decoder sees tokens"
            )

    def _check_losses(self) -> None:
        learned = self._routers(include_decoder=True) - set(FIXED_ROUTERS)
        used = [name for name, weight in vars(self.routing_losses).items() if weight > 0]
        if used and not learned:
            raise InputError(
                f"`routing_losses.{used[0]}` has nothing to train: no feed-forward has a router "
                "that learns"
            )


def _at_least(name: str, value: int, minimum: int, maximum: int = MAX_SIZE) -> None:
    if value < minimum:
        raise InputError(f"`{name}` must be at least {minimum}, but is {value}")
    if value > maximum:
        raise InputError(f"`{name}` must be at most {maximum}, but is {value}")


def _fraction(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise InputError(f"`{name}` must be between 0 and 1, but is {value}")


def _divisible(name: str, value: int, by: int) -> None:
    if by < 1 or value < 1 or value % by:
        raise InputError(f"`{name}` must be a multiple of the number of heads, but is {value}")
