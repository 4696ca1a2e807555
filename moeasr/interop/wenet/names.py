"""The correspondence between WeNet's tensors and ours, and conversions in both directions."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.models.config import ModelConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig

NORMS = {  # norms of a Conformer block: our names -> WeNet's names
    "macaron_norm": "norm_ff_macaron",
    "attention_norm": "norm_mha",
    "convolution_norm": "norm_conv",
    "feed_forward_norm": "norm_ff",
    "final_norm": "norm_final",
}
DECODER_NORMS = {
    "self_attention_norm": "norm1",
    "cross_attention_norm": "norm2",
    "feed_forward_norm": "norm3",
}
ATTENTION = {
    "query": "linear_q",
    "key": "linear_k",
    "value": "linear_v",
    "output": "linear_out",
}


class Form(NamedTuple):
    """The conversion between one of our tensors and the corresponding tensors of WeNet."""

    to_ours: Callable[[list[Tensor]], Tensor]
    """Function from WeNet's tensors to ours."""
    to_theirs: Callable[[Tensor], list[Tensor]]
    """Function from our tensor to WeNet's."""


class Pair(NamedTuple):
    """One of our tensors and the corresponding tensors of WeNet."""

    ours: str
    """Name of our tensor."""
    theirs: tuple[str, ...]
    """Names of WeNet's tensors."""
    form: Form
    """Conversion between them."""


SAME = Form(lambda theirs: theirs[0], lambda ours: [ours])
POINTWISE = Form(lambda theirs: theirs[0].squeeze(2), lambda ours: [ours.unsqueeze(2)])
"""Conversion of a pointwise convolution, which is a linear layer here."""
STACKED = Form(torch.stack, lambda ours: list(ours.unbind(0)))
"""Conversion of experts, which are separate modules in WeNet and stacked tensors here."""


def scaled(factor: float) -> Form:
    """Return the conversion of a layer whose output WeNet multiplies by `factor`.

    Here the factor is part of the weights. It is applied in float64.
    """
    return Form(
        lambda theirs: (theirs[0].double() * factor).to(theirs[0].dtype),
        lambda ours: [(ours.double() / factor).to(ours.dtype)],
    )


def pairs(config: ModelConfig, is_bidirectional: bool) -> list[Pair]:
    """Return our name, WeNet's names and the conversion of every tensor of a model.

    The tensors of CMVN are left out, because they are optional in WeNet.

    Args:
        config: Config of the model.
        is_bidirectional: True if WeNet's decoder is a `bitransformer`, whose two decoders have
            different names.
    """
    found = [*_encoder(config), *_layer("ctc.project", "ctc.ctc_lo")]
    left = "decoder.left_decoder" if is_bidirectional else "decoder"
    found += _decoder(config, "decoder", left, config.decoder.num_blocks)
    if config.decoder.num_reverse_blocks > 0:
        num_blocks = config.decoder.num_reverse_blocks
        found += _decoder(config, "reverse_decoder", "decoder.right_decoder", num_blocks)
    return found


def _encoder(config: ModelConfig) -> Iterator[Pair]:
    encoder = config.encoder
    front, embed = "encoder.subsampling", "encoder.embed"
    yield from _layer(f"{front}.conv1", f"{embed}.conv.0")
    yield from _layer(f"{front}.conv2", f"{embed}.conv.2")
    yield from _layer(f"{front}.project", f"{embed}.out.0", scaled(math.sqrt(encoder.d_model)))
    for i in range(encoder.num_blocks):
        ours, theirs = f"encoder.blocks.{i}", f"encoder.encoders.{i}"
        yield from _feed_forward(
            f"{ours}.macaron_feed_forward",
            f"{theirs}.feed_forward_macaron",
            encoder.macaron_feed_forward,
        )
        yield from _attention(f"{ours}.attention", f"{theirs}.self_attn")
        positions = {
            "position.weight": "linear_pos.weight",
            "content_bias": "pos_bias_u",
            "position_bias": "pos_bias_v",
        }
        for name, their_name in positions.items():
            yield Pair(f"{ours}.attention.{name}", (f"{theirs}.self_attn.{their_name}",), SAME)
        conv, their_conv = f"{ours}.convolution", f"{theirs}.conv_module"
        for n in (1, 2):
            point, their_point = f"{conv}.pointwise{n}", f"{their_conv}.pointwise_conv{n}"
            yield Pair(f"{point}.weight", (f"{their_point}.weight",), POINTWISE)
            yield Pair(f"{point}.bias", (f"{their_point}.bias",), SAME)
        yield from _layer(f"{conv}.depthwise", f"{their_conv}.depthwise_conv")
        if encoder.conv_norm == "layer_norm":
            yield from _layer(f"{conv}.norm", f"{their_conv}.norm")
        yield from _feed_forward(
            f"{ours}.feed_forward", f"{theirs}.feed_forward", encoder.feed_forward
        )
        for norm, their_norm in NORMS.items():
            yield from _layer(f"{ours}.{norm}", f"{theirs}.{their_norm}")
    if encoder.final_norm:
        yield from _layer("encoder.norm", "encoder.after_norm")


def _decoder(config: ModelConfig, ours: str, theirs: str, num_blocks: int) -> Iterator[Pair]:
    yield Pair(f"{ours}.embedding.weight", (f"{theirs}.embed.0.weight",), SAME)
    for i in range(num_blocks):
        block, their_block = f"{ours}.blocks.{i}", f"{theirs}.decoders.{i}"
        yield from _attention(f"{block}.self_attention", f"{their_block}.self_attn")
        yield from _attention(f"{block}.cross_attention", f"{their_block}.src_attn")
        yield from _feed_forward(
            f"{block}.feed_forward", f"{their_block}.feed_forward", config.decoder.feed_forward
        )
        for norm, their_norm in DECODER_NORMS.items():
            yield from _layer(f"{block}.{norm}", f"{their_block}.{their_norm}")
    yield from _layer(f"{ours}.norm", f"{theirs}.after_norm")
    yield from _layer(f"{ours}.project", f"{theirs}.output_layer")


def _attention(ours: str, theirs: str) -> Iterator[Pair]:
    for name, their_name in ATTENTION.items():
        yield from _layer(f"{ours}.{name}", f"{theirs}.{their_name}")


def _feed_forward(ours: str, theirs: str, config: DenseConfig | MoeConfig) -> Iterator[Pair]:
    if isinstance(config, DenseConfig):
        yield from _layer(f"{ours}.w1", f"{theirs}.w_1")
        yield from _layer(f"{ours}.w2", f"{theirs}.w_2")
        return
    yield Pair(f"{ours}.router.weight", (f"{theirs}.gate.weight",), SAME)
    for n in (1, 2):
        for name, kind in ((f"w{n}", "weight"), (f"b{n}", "bias")):
            experts = range(config.num_experts)
            parts = tuple(f"{theirs}.experts.{e}.w_{n}.{kind}" for e in experts)
            yield Pair(f"{ours}.experts.{name}", parts, STACKED)


def _layer(ours: str, theirs: str, form: Form = SAME) -> Iterator[Pair]:
    """Yield one `Pair` for the weight and one for the bias of a layer or norm."""
    for kind in ("weight", "bias"):
        yield Pair(f"{ours}.{kind}", (f"{theirs}.{kind}",), form)
