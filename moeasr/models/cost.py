"""The cost of a model: parameters, and multiply-adds per second of audio, of each part.

The costs are derived from the built modules; `moeasr.models.macs` describes how multiply-adds are
counted. Cheap operations are omitted: norms, activations, softmax, biases, residual sums, token
embeddings, CMVN and modules without parameters. Everything outside the network, such as filter
banks and searches, is omitted as well.

For a mixture of experts, the router, K experts per frame and any shared expert count. Weights
shared by blocks are counted once, but the work of every block counts.

A router defines its own cost, and so may a user's block, feed-forward or other module: the
attribute `macs_per_frame` is its number of multiply-adds for one frame or token. The work of a
module without this attribute is not counted, and the class of the module is named beside the sum.
"""

import math
import numbers
from collections.abc import Iterator
from fractions import Fraction

from torch import nn

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.heads.attention_head import AttentionHead
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.models.heads.decoder import TransformerDecoder
from moeasr.models.heads.expert_ctc_head import ExpertCtcHead
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
"""Part to which a module of an unknown class is assigned, by its name in the block."""


def model_cost(
    model: AsrModel,
    utterance_sec: float = 10.0,
    tokens_per_sec: float = 12.0,
    frames_per_sec: float = 100.0,
) -> list[PartCost]:
    """Return the cost of each part of the model, in the order of `PARTS`.

    The cost is that of one utterance that is encoded with full context and of one hypothesis that
    each decoder scores, as in rescoring. The CTC head of the embedding network is used in training
    only and has no multiply-adds here.

    Args:
        model: A model on any device, including the meta device.
        utterance_sec: Length of the utterance. Self-attention costs more per second in a longer
            one.
        tokens_per_sec: Number of tokens per second that the decoders score. Speech has about 12
            characters per second.
        frames_per_sec: Number of feature frames per second, before subsampling.

    Raises:
        InputError: The utterance is too short for one encoder frame, or an argument is negative or
            not finite.
    """
    _check_finite("utterance_sec", utterance_sec)
    _check_finite("tokens_per_sec", tokens_per_sec)
    num_feats = round(utterance_sec * frames_per_sec)
    num_frames = model.output_len(num_feats)
    if num_frames < 1:
        raise InputError(f"an utterance of {utterance_sec} s is too short for the encoder")
    num_tokens = round(utterance_sec * tokens_per_sec) + 1  # one more for <sos>

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
        case ExpertCtcHead():  # used in training only
            yield Use("other heads", head.parameters(), 0, active=Fraction(0))
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
    if encoder.conditioning is not None:
        own = _own_module("other modules", encoder.conditioning, num_frames)
        yield own._replace(weights=encoder.conditioning.project.parameters())
    if encoder.norm is not None:
        yield _norm(encoder.norm)


def _block(block: nn.Module, num_frames: int) -> Iterator[Use]:
    """Yield the costs of the parts of an encoder block, or the cost that the block defines."""
    if hasattr(block, "macs_per_frame"):
        yield _own_module("other modules", block, num_frames)
        return
    for name, module in block.named_children():
        yield from _block_module(name, module, num_frames)
    own = list(block.parameters(recurse=False))
    if own:
        yield Use("other modules", own, 0, uncounted=type(block).__name__)


def _block_module(name: str, module: nn.Module, num_frames: int) -> Iterator[Use]:
    """Yield the parameters and multiply-adds of one module of an encoder block, part by part."""
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
    """Yield the costs of the parts of a decoder in a teacher-forced pass over all tokens."""
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
    """Yield the costs of a feed-forward: dense, with experts, or of a user's class."""
    match module:
        case DenseFeedForward():
            macs = products(num_rows, module.w1, module.w2)
            yield Use("feed-forward", module.parameters(), macs)
        case MoEFeedForward():
            yield _own_module("router", module.router, num_rows)
            # merged experts may be fewer than the K that the router selects
            macs, active = experts_macs(module, num_rows), min(Fraction(1), active_share(module))
            yield Use("feed-forward", module.experts.parameters(), macs, active)
            if module.shared_expert is not None:
                yield from _feed_forward(module.shared_expert, num_rows)
        case _:
            yield _own_module("feed-forward", module, num_rows)


def _own_module(part: str, module: nn.Module, num_rows: int) -> Use:
    """Return the cost of a module by its `macs_per_frame`; without it, the cost is unknown."""
    per_frame, name = getattr(module, "macs_per_frame", None), type(module).__name__
    if per_frame is None:
        return Use(part, module.parameters(), 0, uncounted=name)
    if not isinstance(per_frame, numbers.Real):
        raise InputError(f"`{name}.macs_per_frame` must be a number or a property that returns one")
    return Use(part, module.parameters(), num_rows * per_frame)


def _norm(module: nn.Module) -> Use:
    return Use("norms", module.parameters(), 0)


def _check_finite(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"`{name}` must be a finite number of at least 0, but is {value}")
