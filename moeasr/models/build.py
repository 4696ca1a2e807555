"""From config to network. Modules are chosen by name here and in `feed_forwards`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel, GlobalCmvn
from moeasr.models.config import DecoderConfig, EncoderConfig, ModelConfig
from moeasr.models.conformer import ConformerBlock
from moeasr.models.ctc import CtcHead
from moeasr.models.decoder import DecoderBlock, TransformerDecoder
from moeasr.models.embedding import EmbeddingNetwork
from moeasr.models.encoder import Encoder
from moeasr.models.feed_forwards import FEED_FORWARDS as FEED_FORWARDS
from moeasr.models.feed_forwards import ROUTERS as ROUTERS
from moeasr.models.feed_forwards import Stack, build_feed_forward
from moeasr.models.transformer import TransformerBlock
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
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
    stack = Stack(config.d_model, config.dropout, context_size, num_languages)
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
    config: EncoderConfig, stack: Stack, index: int, group: Sequence[ConformerBlock]
) -> ConformerBlock:
    """A block with the parts of its group so far, if there are any; norms and routers are new."""
    like = group[0] if group else None
    return ConformerBlock(
        config.d_model,
        macaron_feed_forward=build_feed_forward(
            config.macaron_feed_forward, stack, like and like.macaron_feed_forward
        ),
        attention=like.attention if like else _build_attention(config),
        convolution=like.convolution.with_own_norm() if like else _build_convolution(config),
        feed_forward=build_feed_forward(config.feed_forward, stack, like and like.feed_forward),
        dropout=config.dropout,
    )


def _build_transformer_block(
    config: EncoderConfig, stack: Stack, index: int, group: Sequence[TransformerBlock]
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
    feed_forward = build_feed_forward(config.feed_forward, stack, like and like.feed_forward)
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
    stack = Stack(d_model, config.dropout)
    blocks = [
        DecoderBlock(
            d_model,
            MultiHeadAttention(d_model, config.num_heads, config.attention_dropout),
            MultiHeadAttention(d_model, config.num_heads, config.attention_dropout),
            build_feed_forward(config.feed_forward, stack),
            config.dropout,
        )
        for _ in range(num_blocks)
    ]
    return TransformerDecoder(vocab_size, d_model, blocks, config.dropout)


ENCODER_BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "conformer": _build_conformer_block,
    "transformer": _build_transformer_block,
}
ATTENTIONS: dict[str, type[RelPositionAttention]] = {
    "relative": RelPositionAttention,
    "key_position": KeyPositionAttention,
}
