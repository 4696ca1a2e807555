"""What a model costs: parameters, and multiply-adds per second of audio, part by part.

All is read off the built modules; how their multiply-adds are counted is described in
`moeasr.models.macs`. Left out is what costs little: norms, activations, softmax, biases, residual
sums, look-up, CMVN and any module without parameters; and whatever lies outside the network, such
as filter banks and the searches.

Of a mixture of experts only what runs counts: the router, and K experts per frame. Blocks that
share weights have them counted once, but each does its work.

A router says what it costs, and a block, feed-forward or other module of one's own may say so, too:
`macs_per_frame` is its multiply-adds for one frame or token. The work of a module that does not say
it is not counted, and the module's class is named beside the sum.
"""

import math
from collections.abc import Iterator

from torch import nn

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.heads.attention_head import AttentionHead
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.models.heads.decoder import TransformerDecoder
from moeasr.models.heads.head import Head
from moeasr.models.macs import (
    active_share,
    attention_macs,
    convolution_macs,
    experts_macs,
    products,
    self_attention_macs,
    subsampling_macs,
)
from moeasr.models.part_cost import DECODER_PARTS, PartCost, Use, tally
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.attention import RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import DenseFeedForward
from moeasr.nn.memory import MemoryBlock

PART_BY_NAME = {
    "attention": "attention",
    "convolution": "convolution",
    "memory": "convolution",
    "feed_forward": "feed-forward",
    "macaron_feed_forward": "feed-forward",
}
"""The part that a module of an unknown class belongs to, by its name in the block."""


def model_cost(
    model: AsrModel,
    utterance_sec: float = 10.0,
    tokens_per_sec: float = 12.0,
    frames_per_sec: float = 100.0,
) -> list[PartCost]:
    """Return the cost of each part that the model has, in the order of `PARTS`.

    One utterance is encoded under full context, and each decoder scores one hypothesis of it, as in
    rescoring. The embedding network's own CTC head works in training only.

    Args:
        model: Built on any device, the meta device too.
        utterance_sec: Length of the utterance: self-attention costs more per second in a long one.
        tokens_per_sec: How many tokens the decoders read; about 12 characters are spoken.
        frames_per_sec: Feature frames, before subsampling.

    Raises:
        InputError: The utterance is too short for one encoder frame, or an argument is no sensible
            number.
    """
    _check_finite("utterance_sec", utterance_sec)
    _check_finite("tokens_per_sec", tokens_per_sec)
    num_feats = round(utterance_sec * frames_per_sec)
    num_frames = model.output_len(num_feats)
    if num_frames < 1:
        raise InputError(f"an utterance of {utterance_sec} s is too short for the encoder")
    num_tokens = round(utterance_sec * tokens_per_sec) + 1  # <sos> before them

    uses = list(_encoder(model.encoder, num_feats, model.cmvn.mean.numel()))
    if model.embedding is not None:
        embedding = _encoder(model.embedding.encoder, num_feats, model.cmvn.mean.numel())
        uses += [use._replace(part="embedding network") for use in embedding]
        uses.append(Use("embedding network", model.embedding.ctc.parameters(), 0))
    for head in model.all_heads.values():
        uses += _head(head, num_tokens, num_frames)
    return tally(uses, utterance_sec)


def _head(head: Head, num_tokens: int, num_frames: int) -> Iterator[Use]:
    match head:
        case CtcHead():
            yield Use("CTC head", head.parameters(), products(num_frames, head.project))
        case AttentionHead():
            for part, decoder in zip(DECODER_PARTS, (head.decoder, head.reverse_decoder)):
                if decoder is not None:
                    uses = _decoder(decoder, num_tokens, num_frames)
                    yield from (use._replace(part=part) for use in uses)
        case _:
            yield _own_module("other heads", head, num_frames)


def _encoder(encoder: Encoder, num_feats: int, num_mel_bins: int) -> Iterator[Use]:
    if not isinstance(encoder, BlockEncoder):
        yield _own_module("other modules", encoder, encoder.output_len(num_feats))
        return
    num_frames = encoder.subsampling.output_len(num_feats)
    macs = subsampling_macs(encoder.subsampling, num_feats, num_mel_bins)
    yield Use("subsampling", encoder.subsampling.parameters(), macs)
    for block in encoder.blocks:
        yield from _block(block, num_frames)
    if encoder.norm is not None:
        yield _norm(encoder.norm)


def _block(block: nn.Module, num_frames: int) -> Iterator[Use]:
    """Yield the uses of an encoder block: one that it says itself, or those of its modules."""
    if hasattr(block, "macs_per_frame"):
        yield _own_module("other modules", block, num_frames)
        return
    for name, module in block.named_children():
        yield from _block_module(name, module, num_frames)
    own = list(block.parameters(recurse=False))
    if own:
        yield Use("other modules", own, 0, uncounted=type(block).__name__)


def _block_module(name: str, module: nn.Module, num_frames: int) -> Iterator[Use]:
    """Yield the uses of one module of an encoder block."""
    match module:
        case RelPositionAttention():
            yield Use("attention", module.parameters(), self_attention_macs(module, num_frames))
        case ConvolutionModule():
            norm_weights = {id(weight) for weight in module.norm.parameters()}
            weights = [weight for weight in module.parameters() if id(weight) not in norm_weights]
            yield Use("convolution", weights, convolution_macs(module, num_frames))
            yield _norm(module.norm)
        case MemoryBlock():
            macs = products(num_frames, module.project, module.taps)
            yield Use("convolution", module.parameters(), macs)
        case DenseFeedForward() | MoEFeedForward():
            yield from _feed_forward(module, num_frames)
        case nn.LayerNorm() | nn.RMSNorm():
            yield _norm(module)
        case nn.ModuleList() | nn.ModuleDict() | nn.Sequential():
            for child in module.children():
                yield from _block_module(name, child, num_frames)
        case _:
            part = PART_BY_NAME.get(name, "other modules")
            if hasattr(module, "macs_per_frame") or any(True for _ in module.parameters()):
                yield _own_module(part, module, num_frames)


def _decoder(decoder: TransformerDecoder, num_tokens: int, num_frames: int) -> Iterator[Use]:
    """A teacher-forced pass: all tokens at once, every attention matrix computed whole."""
    yield Use("decoder", decoder.embedding.parameters(), 0)
    for block in decoder.blocks:
        for attention, num_keys in (
            (block.self_attention, num_tokens),
            (block.cross_attention, num_frames),
        ):
            macs = attention_macs(attention, num_tokens, num_keys)
            yield Use("decoder", attention.parameters(), macs)
        yield from _feed_forward(block.feed_forward, num_tokens)
        yield from (_norm(child) for child in block.children() if isinstance(child, nn.LayerNorm))
    yield _norm(decoder.norm)
    macs = products(num_tokens, decoder.project)
    yield Use("decoder", decoder.project.parameters(), macs)


def _feed_forward(module: nn.Module, num_rows: int) -> Iterator[Use]:
    """Yield the uses of a feed-forward: dense, with experts, or of a user's."""
    match module:
        case DenseFeedForward():
            macs = products(num_rows, module.w1, module.w2)
            yield Use("feed-forward", module.parameters(), macs)
        case MoEFeedForward():
            yield _own_module("router", module.router, num_rows)
            macs, active = experts_macs(module, num_rows), active_share(module)
            yield Use("feed-forward", module.experts.parameters(), macs, active)
        case _:
            yield _own_module("feed-forward", module, num_rows)


def _own_module(part: str, module: nn.Module, num_rows: int) -> Use:
    """Return the use of a module that says itself what it costs, or that nobody knows."""
    per_frame = getattr(module, "macs_per_frame", None)
    if per_frame is None:
        return Use(part, module.parameters(), 0, uncounted=type(module).__name__)
    return Use(part, module.parameters(), num_rows * per_frame)


def _norm(module: nn.Module) -> Use:
    return Use("norms", module.parameters(), 0)


def _check_finite(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"`{name}` must be a number of 0 or more, but is {value}")
