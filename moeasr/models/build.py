"""From config to network: the only place where modules are chosen by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from moeasr.config import did_you_mean, from_mapping
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel, GlobalCmvn
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.models.conformer import ConformerBlock
from moeasr.models.ctc import CtcHead
from moeasr.models.decoder import DecoderBlock, TransformerDecoder
from moeasr.models.embedding import EmbeddingNetwork
from moeasr.models.encoder import Encoder
from moeasr.models.transformer import TransformerBlock
from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.fixed_routers import HashRouter, RandomRouter
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.routers import (
    EmbeddingRouter,
    ExpertWeights,
    LanguageRouter,
    NoisyTopKRouter,
    Router,
    TopKRouter,
)
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import ACTIVATIONS, DenseFeedForward, FeedForward
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.memory import MemoryBlock
from moeasr.nn.subsampling import ConvSubsampling4


class ParamCounts(NamedTuple):
    """Sizes of a model, each shared tensor counted once."""

    total: int
    """All parameters."""
    active: int
    """Those that work on one frame: of each expert bank K experts out of E."""


def build_model(
    config: ModelConfig,
    num_mel_bins: int,
    vocab_size: int,
    cmvn: tuple[Tensor, Tensor] | None = None,
) -> AsrModel:
    """Build the recogniser.

    Args:
        config: The `model:` section.
        num_mel_bins: F.
        vocab_size: V, units and specials.
        cmvn: Mean and inverse standard deviation, each (F,); None leaves features as they are
            (a checkpoint's own are then loaded over it).

    Raises:
        InputError: A combination of settings that cannot work.
    """
    check_names(config)
    mean, istd = cmvn if cmvn is not None else (torch.zeros(num_mel_bins), torch.ones(num_mel_bins))
    d_model = config.encoder.d_model
    decoder, embedding = config.decoder, None
    context_size = 0
    if config.embedding is not None:
        context_size = config.embedding.encoder.d_model
        embedding = EmbeddingNetwork(
            _build_encoder(config.embedding.encoder, num_mel_bins, 0, 0),
            CtcHead(context_size, vocab_size),
        )
        if config.embedding.loss_weight == 0:
            embedding.requires_grad_(False)
    return AsrModel(
        cmvn=GlobalCmvn(mean, istd),
        encoder=_build_encoder(config.encoder, num_mel_bins, context_size, len(config.languages)),
        ctc=CtcHead(d_model, vocab_size),
        decoder=_build_decoder(decoder, decoder.num_blocks, d_model, vocab_size),
        reverse_decoder=_build_decoder(decoder, decoder.num_reverse_blocks, d_model, vocab_size),
        embedding=embedding,
        vocab_size=vocab_size,
        config=config,
    )


def check_names(config: ModelConfig) -> None:
    """Check every name of the config that a registry of this module must know.

    Raises:
        InputError: A name is unknown. The sentence gives its dotted path and the nearest name.
    """
    parts = {
        "encoder.feed_forward": config.encoder.feed_forward,
        "encoder.macaron_feed_forward": config.encoder.macaron_feed_forward,
        "decoder.feed_forward": config.decoder.feed_forward,
    }
    for path, part in parts.items():
        if part.type == "moe":
            _named(ROUTERS, f"model.{path}.router", part.router)
            _named(EXPERT_KERNELS, f"model.{path}.kernel", part.kernel)


def load_model(checkpoint: Mapping[str, Any]) -> AsrModel:
    """The network of a checkpoint, with its weights, in eval mode.

    Raises:
        InputError: The weights do not fit the configuration.
    """
    config = from_mapping(ModelConfig, checkpoint["config"]["model"], "the checkpoint's config")
    model = build_model(
        config,
        num_mel_bins=checkpoint["fbank"]["num_mel_bins"],
        vocab_size=len(checkpoint["tokenizer"]["units"]),
    )
    try:
        model.load_state_dict(checkpoint["model"])
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]  # torch lists every tensor, a line each
        raise InputError(f"the checkpoint's weights do not fit its config: {reason}") from None
    return model.eval()


def count_params(model: nn.Module) -> ParamCounts:
    """Total and active parameters; `parameters()` already counts shared tensors once."""
    total = sum(p.numel() for p in model.parameters())
    idle, seen = 0, set()
    for module in model.modules():
        if isinstance(module, MoEFeedForward) and id(module.experts) not in seen:
            seen.add(id(module.experts))
            num_experts = module.experts.num_experts
            per_expert = sum(p.numel() for p in module.experts.parameters()) // num_experts
            idle += per_expert * (num_experts - module.router.experts_per_frame)
    return ParamCounts(total, total - idle)


def _build_encoder(
    config: EncoderConfig, num_mel_bins: int, context_size: int, num_languages: int
) -> Encoder:
    channels = config.subsampling_channels or config.d_model
    subsampling = ConvSubsampling4(num_mel_bins, config.d_model, channels)
    stack = _Stack(config.d_model, config.dropout, context_size, num_languages)
    groups: dict[int, list[nn.Module]] = {}
    blocks = []
    for index in range(config.num_blocks):
        group = groups.setdefault(_group_of(index, config), [])
        block = ENCODER_BLOCKS[config.type](config, stack, index, group)
        group.append(block)
        blocks.append(block)
    has_norm = config.type == "transformer" or config.final_norm
    norm = nn.LayerNorm(config.d_model) if has_norm else None
    knows_distance = config.attention == "relative"
    return Encoder(subsampling, blocks, config.dropout, norm, knows_distance)


def _group_of(index: int, config: EncoderConfig) -> int:
    """The group whose parts block `index` uses; each block is its own without sharing."""
    if config.num_groups is None:
        return index
    if config.group_layout == "interleaved":
        return index % config.num_groups
    return index * config.num_groups // config.num_blocks


def _build_conformer_block(
    config: EncoderConfig, stack: "_Stack", index: int, group: Sequence[ConformerBlock]
) -> ConformerBlock:
    """A block with the parts of its group so far, if there are any; norms and routers are new."""
    like = group[0] if group else None
    return ConformerBlock(
        config.d_model,
        macaron_feed_forward=_build_feed_forward(
            config.macaron_feed_forward, stack, like and like.macaron_feed_forward
        ),
        attention=like.attention if like else _build_attention(config),
        convolution=like.convolution.with_own_norm() if like else _build_convolution(config),
        feed_forward=_build_feed_forward(config.feed_forward, stack, like and like.feed_forward),
        dropout=config.dropout,
    )


def _build_transformer_block(
    config: EncoderConfig, stack: "_Stack", index: int, group: Sequence[TransformerBlock]
) -> TransformerBlock:
    """See `_build_conformer_block`."""
    like = group[0] if group else None
    has_attention = (index + 1) % config.attention_every == 0
    memory = attention = None
    if config.memory_kernel_size:
        memory = like.memory if like else _build_memory(config)
    if has_attention:
        shared = [block.attention for block in group if block.attention is not None]
        attention = shared[0] if shared else _build_attention(config)
    feed_forward = _build_feed_forward(config.feed_forward, stack, like and like.feed_forward)
    return TransformerBlock(config.d_model, memory, attention, feed_forward, config.dropout)


def _build_attention(config: EncoderConfig) -> RelPositionAttention:
    make = ATTENTIONS[config.attention]
    return make(config.d_model, config.num_heads, config.attention_dropout)


def _build_convolution(config: EncoderConfig) -> ConvolutionModule:
    return ConvolutionModule(
        config.d_model,
        config.conv_kernel_size,
        config.causal_conv,
        has_norm=config.conv_norm == "layer_norm",
        pads_after_gate=config.conv_edges == "after_gate",
    )


def _build_memory(config: EncoderConfig) -> MemoryBlock:
    return MemoryBlock(config.d_model, config.memory_kernel_size, config.causal_conv)


def _build_decoder(
    config: DecoderConfig, num_blocks: int, d_model: int, vocab_size: int
) -> TransformerDecoder | None:
    if num_blocks == 0:
        return None
    stack = _Stack(d_model, config.dropout)
    blocks = [
        DecoderBlock(
            d_model,
            MultiHeadAttention(d_model, config.num_heads, config.attention_dropout),
            MultiHeadAttention(d_model, config.num_heads, config.attention_dropout),
            _build_feed_forward(config.feed_forward, stack),
            config.dropout,
        )
        for _ in range(num_blocks)
    ]
    return TransformerDecoder(vocab_size, d_model, blocks, config.dropout)


@dataclass
class _Stack:
    """What the feed-forwards of one encoder or decoder have in common."""

    d_model: int
    dropout: float
    context_size: int = 0
    """C: width of the embedding network; 0 without one."""
    num_languages: int = 0
    """L: of the language router."""
    omni_router: TopKRouter | None = None
    """The one router of all layers, once a layer has asked for it."""


def _build_feed_forward(
    config: FeedForwardConfig, stack: _Stack, like: FeedForward | None = None
) -> FeedForward:
    """A feed-forward; with the weights, or the experts, of `like` if there is one."""
    return FEED_FORWARDS[config.type](config, stack, like)


def _build_dense(
    config: FeedForwardConfig, stack: _Stack, like: DenseFeedForward | None
) -> DenseFeedForward:
    if like is not None:
        return like
    activation = ACTIVATIONS[config.activation]
    return DenseFeedForward(stack.d_model, config.hidden_units, stack.dropout, activation)


def _build_moe(
    config: FeedForwardConfig, stack: _Stack, like: MoEFeedForward | None
) -> MoEFeedForward:
    router = ROUTERS[config.router](config, stack)
    kernel = EXPERT_KERNELS[config.kernel]
    experts = (
        like.experts
        if like
        else ExpertBank(
            stack.d_model,
            config.hidden_units,
            config.num_experts,
            stack.dropout,
            kernel,
            ACTIVATIONS[config.activation],
        )
    )
    return MoEFeedForward(router, experts)


def _selection(config: FeedForwardConfig) -> tuple[int, int, ExpertWeights]:
    return config.num_experts, config.experts_per_frame, config.expert_weights


def _build_omni(config: FeedForwardConfig, stack: _Stack) -> TopKRouter:
    """One router for all layers of the stack (Omni-Router, arXiv 2507.05724)."""
    if stack.omni_router is None:
        stack.omni_router = TopKRouter(stack.d_model, *_selection(config))
    router = stack.omni_router
    if _selection(config) != (router.num_experts, router.experts_per_frame, router.expert_weights):
        raise InputError(
            "`router: omni` serves all layers: `num_experts`, `experts_per_frame` and "
            "`expert_weights` must be the same in all of them"
        )
    return router


def _named(family: Mapping[str, Any], key: str, name: str) -> Any:
    """The member of a family, or an error that lists them."""
    if name not in family:
        raise InputError(
            f"'{key}' must be one of {', '.join(family)}, but is '{name}'"
            f"{did_you_mean(name, family)}"
        )
    return family[name]


ENCODER_BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "conformer": _build_conformer_block,
    "transformer": _build_transformer_block,
}
ATTENTIONS: dict[str, type[RelPositionAttention]] = {
    "relative": RelPositionAttention,
    "key_position": KeyPositionAttention,
}
FEED_FORWARDS: dict[str, Callable[..., FeedForward]] = {
    "dense": _build_dense,
    "moe": _build_moe,
}
ROUTERS: dict[str, Callable[[FeedForwardConfig, _Stack], Router]] = {
    "top_k": lambda c, s: TopKRouter(s.d_model, *_selection(c)),
    "embedding": lambda c, s: EmbeddingRouter(s.d_model, s.context_size, *_selection(c)),
    "noisy_top_k": lambda c, s: NoisyTopKRouter(s.d_model, *_selection(c)),
    "omni": _build_omni,
    "balanced": lambda c, s: BalancedRouter(s.d_model, *_selection(c)),
    "language": lambda c, s: LanguageRouter(s.d_model, s.num_languages, *_selection(c)),
    "random": lambda c, s: RandomRouter(s.d_model, c.num_experts, c.experts_per_frame),
    "hash": lambda c, s: HashRouter(s.d_model, c.num_experts, c.experts_per_frame),
}
