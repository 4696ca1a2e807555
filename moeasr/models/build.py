"""From config to network: the only place where modules are chosen by name."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel, GlobalCmvn
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.models.conformer import ConformerBlock, ConformerEncoder
from moeasr.models.ctc import CtcHead
from moeasr.models.decoder import DecoderBlock, TransformerDecoder
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.routers import TopKRouter
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import DenseFeedForward, FeedForward
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
    has_reverse = config.decoder.num_reverse_blocks > 0
    return AsrModel(
        cmvn=GlobalCmvn(mean, istd),
        encoder=_build_encoder(config.encoder, num_mel_bins),
        ctc=CtcHead(d_model, vocab_size),
        decoder=_build_decoder(config.decoder, config.decoder.num_blocks, d_model, vocab_size),
        reverse_decoder=_build_decoder(
            config.decoder, config.decoder.num_reverse_blocks, d_model, vocab_size
        )
        if has_reverse
        else None,
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


def _build_encoder(config: EncoderConfig, num_mel_bins: int) -> ConformerEncoder:
    channels = config.subsampling_channels or config.d_model
    return ConformerEncoder(
        ConvSubsampling4(num_mel_bins, config.d_model, channels),
        [_build_conformer_block(config) for _ in range(config.num_blocks)],
        config.dropout,
    )


def _build_conformer_block(config: EncoderConfig) -> ConformerBlock:
    return ConformerBlock(
        config.d_model,
        macaron_feed_forward=_build_feed_forward(
            config.macaron_feed_forward, config.d_model, config.dropout
        ),
        attention=RelPositionAttention(config.d_model, config.num_heads, config.attention_dropout),
        convolution=ConvolutionModule(config.d_model, config.conv_kernel_size, config.causal_conv),
        feed_forward=_build_feed_forward(config.feed_forward, config.d_model, config.dropout),
        dropout=config.dropout,
    )


def _build_decoder(
    config: DecoderConfig, num_blocks: int, d_model: int, vocab_size: int
) -> TransformerDecoder:
    blocks = [
        DecoderBlock(
            d_model,
            MultiHeadAttention(d_model, config.num_heads, config.attention_dropout),
            MultiHeadAttention(d_model, config.num_heads, config.attention_dropout),
            _build_feed_forward(config.feed_forward, d_model, config.dropout),
            config.dropout,
        )
        for _ in range(num_blocks)
    ]
    return TransformerDecoder(vocab_size, d_model, blocks, config.dropout)


def _build_feed_forward(config: FeedForwardConfig, d_model: int, dropout: float) -> FeedForward:
    return FEED_FORWARDS[config.type](config, d_model, dropout)


def _build_dense(config: FeedForwardConfig, d_model: int, dropout: float) -> DenseFeedForward:
    return DenseFeedForward(d_model, config.hidden_units, dropout)


def _build_moe(config: FeedForwardConfig, d_model: int, dropout: float) -> MoEFeedForward:
    return MoEFeedForward(
        router=_named(ROUTERS, "router", config.router)(config, d_model),
        experts=ExpertBank(
            d_model,
            config.hidden_units,
            config.num_experts,
            dropout,
            _named(EXPERT_KERNELS, "kernel", config.kernel),
        ),
    )


def _build_top_k(config: FeedForwardConfig, d_model: int) -> TopKRouter:
    return TopKRouter(d_model, config.num_experts, config.experts_per_frame, config.expert_weights)


def _named(family: Mapping[str, Any], key: str, name: str) -> Any:
    """The member of a family, or an error that lists them."""
    if name not in family:
        raise InputError(f"`{key}` must be one of {', '.join(family)}, but is '{name}'")
    return family[name]


FEED_FORWARDS: dict[str, Callable[[FeedForwardConfig, int, float], FeedForward]] = {
    "dense": _build_dense,
    "moe": _build_moe,
}
ROUTERS: dict[str, Callable[[FeedForwardConfig, int], TopKRouter]] = {"top_k": _build_top_k}
