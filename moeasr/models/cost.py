"""What a model costs: parameters, and multiply-adds per second of audio, part by part.

All is read off the built modules. In a matrix product or a convolution each weight does one
multiply-add per position (frame, token) that it is applied to; attention adds the products of
frames with frames. Left out is what costs little beside these: norms, activations, softmax,
biases, residual sums, look-up and CMVN; and whatever lies outside the network, such as filter banks
and the searches.

Of a mixture of experts only what runs counts: the router, and K experts per frame. Blocks that
share weights have them counted once, but each does its work.

A router says what it costs, and a module of one's own may say so, too: `macs_per_frame` is its
multiply-adds for one frame or token. The work of a module that does not say it is not counted, and
the module's class is named beside the sum.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.heads.attention_head import AttentionHead
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.models.heads.decoder import TransformerDecoder
from moeasr.models.heads.head import Head
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import DenseFeedForward
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.memory import MemoryBlock
from moeasr.nn.subsampling import ConvSubsampling4

ENCODER_PARTS = (
    *("subsampling", "attention", "convolution", "feed-forward", "router", "norms"),
    "other modules",
)
"""Parts of the encoder; `convolution` is the Conformer's module or the FSMN memory block."""
PART_BY_NAME = {
    "attention": "attention",
    "convolution": "convolution",
    "memory": "convolution",
    "feed_forward": "feed-forward",
    "macaron_feed_forward": "feed-forward",
}
"""The part that a module of an unknown class belongs to, by its name in the block."""
DECODER_PARTS = ("decoder", "reverse decoder")
PARTS = (*ENCODER_PARTS, "CTC head", "embedding network", *DECODER_PARTS, "other heads")


class PartCost(NamedTuple):
    """Cost of one part of a model."""

    part: str
    """One of `PARTS`, or the name of a sum of them."""
    total_params: int
    """All parameters, a shared tensor counted in the first part that uses it."""
    active_params: int
    """Those that work on one frame, by the rule of `moeasr.models.build.count_params`."""
    macs_per_sec: float
    """Multiply-adds per second of audio."""
    uncounted: tuple[str, ...] = ()
    """Classes of the modules whose multiply-adds are not known, and not in `macs_per_sec`."""


def model_cost(
    model: AsrModel,
    utterance_sec: float = 10.0,
    tokens_per_sec: float = 12.0,
    frames_per_sec: float = 100.0,
) -> list[PartCost]:
    """The cost of each part that the model has, in the order of `PARTS`.

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
        uses.append(_Use("embedding network", model.embedding.ctc.parameters(), 0))
    for head in model.all_heads.values():
        uses += _head(head, num_tokens, num_frames)
    return _tally(uses, utterance_sec)


def sum_of(costs: Iterable[PartCost], name: str, parts: Sequence[str] = PARTS) -> PartCost:
    """The sum of some parts, under a name of its own."""
    chosen = [cost for cost in costs if cost.part in parts]
    return PartCost(
        name,
        sum(cost.total_params for cost in chosen),
        sum(cost.active_params for cost in chosen),
        sum(cost.macs_per_sec for cost in chosen),
        tuple(dict.fromkeys(name for cost in chosen for name in cost.uncounted)),
    )


def cost_record(costs: Sequence[PartCost]) -> dict[str, Any]:
    """Return plain values, for JSON: sums of the whole model, of the encoder, and each part.

    `macs_per_audio_sec` is of everything: encoder, CTC head, embedding network, both decoders.
    `uncounted` lists the classes of the modules whose multiply-adds are missing in it.
    """
    whole, encoder = sum_of(costs, "model"), sum_of(costs, "encoder", ENCODER_PARTS)
    return {
        "total_params": whole.total_params,
        "active_params": whole.active_params,
        "macs_per_audio_sec": round(whole.macs_per_sec),
        "encoder_total_params": encoder.total_params,
        "encoder_active_params": encoder.active_params,
        "encoder_macs_per_audio_sec": round(encoder.macs_per_sec),
        "uncounted": list(whole.uncounted),
        "parts": [
            {
                "part": cost.part,
                "total_params": cost.total_params,
                "active_params": cost.active_params,
                "macs_per_audio_sec": round(cost.macs_per_sec),
                "uncounted": list(cost.uncounted),
            }
            for cost in costs
        ],
    }


class _Use(NamedTuple):
    """Weights at work once in an utterance."""

    part: str
    weights: Iterable[Tensor]
    macs: int
    active: Fraction = Fraction(1)
    """Share of the weights that works on one frame."""
    uncounted: str | None = None
    """Class of the module if its multiply-adds are not known; they are 0 here then."""


def _tally(uses: Iterable[_Use], utterance_sec: float) -> list[PartCost]:
    """Sum up by part: work each time it is done, a tensor the first time it is met."""
    total, active, macs = (dict.fromkeys(PARTS, 0) for _ in range(3))
    uncounted: dict[str, dict[str, None]] = {}  # by part, in the order of the model
    seen = set()
    for use in uses:
        names = uncounted.setdefault(use.part, {})
        if use.uncounted is not None:
            names[use.uncounted] = None
        macs[use.part] += use.macs
        for weight in use.weights:
            if id(weight) not in seen:
                seen.add(id(weight))
                total[use.part] += weight.numel()
                active[use.part] += int(weight.numel() * use.active)
    return [
        PartCost(
            part, total[part], active[part], macs[part] / utterance_sec, tuple(uncounted[part])
        )
        for part in PARTS
        if part in uncounted
    ]


def _head(head: Head, num_tokens: int, num_frames: int) -> Iterator[_Use]:
    match head:
        case CtcHead():
            yield _Use("CTC head", head.parameters(), _products(num_frames, head.project))
        case AttentionHead():
            for part, decoder in zip(DECODER_PARTS, (head.decoder, head.reverse_decoder)):
                if decoder is not None:
                    uses = _decoder(decoder, num_tokens, num_frames)
                    yield from (use._replace(part=part) for use in uses)
        case _:
            yield _own_module("other heads", head, num_frames)


def _encoder(encoder: Encoder, num_feats: int, num_mel_bins: int) -> Iterator[_Use]:
    if not isinstance(encoder, BlockEncoder):
        yield _own_module("other modules", encoder, encoder.output_len(num_feats))
        return
    num_frames = encoder.subsampling.output_len(num_feats)
    yield _subsampling(encoder.subsampling, num_feats, num_mel_bins)
    for block in encoder.blocks:
        for name, module in block.named_children():
            yield from _encoder_module(name, module, num_frames)
    if encoder.norm is not None:
        yield _norm(encoder.norm)


def _encoder_module(name: str, module: nn.Module, num_frames: int) -> Iterator[_Use]:
    """Yield the uses of one module of a block, Conformer's or Transformer's."""
    match module:
        case KeyPositionAttention():
            macs = _key_position_attention_macs(module, num_frames)
            yield _Use("attention", module.parameters(), macs)
        case RelPositionAttention():
            yield _Use("attention", module.parameters(), _rel_attention_macs(module, num_frames))
        case ConvolutionModule():
            yield from _convolution(module, num_frames)
        case MemoryBlock():
            macs = _products(num_frames, module.project, module.taps)
            yield _Use("convolution", module.parameters(), macs)
        case DenseFeedForward() | MoEFeedForward():
            yield from _feed_forward(module, num_frames)
        case nn.LayerNorm():
            yield _norm(module)
        case nn.Dropout():
            pass
        case _:
            yield _own_module(PART_BY_NAME.get(name, "other modules"), module, num_frames)


def _decoder(decoder: TransformerDecoder, num_tokens: int, num_frames: int) -> Iterator[_Use]:
    """A teacher-forced pass: all tokens at once, every attention matrix computed whole."""
    yield _Use("decoder", decoder.embedding.parameters(), 0)
    for block in decoder.blocks:
        for attention, num_keys in (
            (block.self_attention, num_tokens),
            (block.cross_attention, num_frames),
        ):
            macs = _attention_macs(attention, num_tokens, num_keys)
            yield _Use("decoder", attention.parameters(), macs)
        yield from _feed_forward(block.feed_forward, num_tokens)
        yield from (_norm(child) for child in block.children() if isinstance(child, nn.LayerNorm))
    yield _norm(decoder.norm)
    macs = _products(num_tokens, decoder.project)
    yield _Use("decoder", decoder.project.parameters(), macs)


def _subsampling(module: ConvSubsampling4, num_feats: int, num_mel_bins: int) -> _Use:
    macs, height, width = 0, num_feats, num_mel_bins
    for conv in (module.conv1, module.conv2):
        height = _conv_len(height, conv.kernel_size[0], conv.stride[0])
        width = _conv_len(width, conv.kernel_size[1], conv.stride[1])
        macs += _products(height * width, conv)
    macs += _products(height, module.project)
    return _Use("subsampling", module.parameters(), macs)


def _convolution(module: ConvolutionModule, num_frames: int) -> Iterator[_Use]:
    # Edges that are padded before the first pointwise layer are its work, too.
    num_edges = 0 if module.pads_after_gate else sum(module.edges)
    macs = _products(num_frames + num_edges, module.pointwise1)
    macs += _products(num_frames, module.depthwise, module.pointwise2)
    norm_weights = {id(weight) for weight in module.norm.parameters()}
    weights = [weight for weight in module.parameters() if id(weight) not in norm_weights]
    yield _Use("convolution", weights, macs)
    yield _norm(module.norm)


def _feed_forward(module: nn.Module, num_rows: int) -> Iterator[_Use]:
    if isinstance(module, DenseFeedForward):
        macs = _products(num_rows, module.w1, module.w2)
        yield _Use("feed-forward", module.parameters(), macs)
    elif isinstance(module, MoEFeedForward):
        router, experts = module.router, module.experts
        yield _own_module("router", router, num_rows)
        active = Fraction(router.experts_per_frame, experts.num_experts)
        macs = int(num_rows * active * (experts.w1.numel() + experts.w2.numel()))
        macs += num_rows * router.experts_per_frame * experts.w1.size(2)  # their weighted sum
        yield _Use("feed-forward", experts.parameters(), macs, active)
    else:
        yield _own_module("feed-forward", module, num_rows)


def _own_module(part: str, module: nn.Module, num_rows: int) -> _Use:
    """Return the use of a module that says itself what it costs, or that nobody knows."""
    per_frame = getattr(module, "macs_per_frame", None)
    if per_frame is None:
        return _Use(part, module.parameters(), 0, uncounted=type(module).__name__)
    return _Use(part, module.parameters(), num_rows * per_frame)


def _norm(module: nn.LayerNorm | nn.Identity) -> _Use:
    return _Use("norms", module.parameters(), 0)


def _attention_macs(
    module: MultiHeadAttention | KeyPositionAttention, num_queries: int, num_keys: int
) -> int:
    projections = _products(num_queries, module.query, module.output)
    projections += _products(num_keys, module.key, module.value)
    scores_and_sums = 2 * num_queries * num_keys * module.query.out_features
    return projections + scores_and_sums


def _rel_attention_macs(module: RelPositionAttention, num_frames: int) -> int:
    num_distances = 2 * num_frames - 1
    macs = _products(num_frames, module.query, module.key, module.value, module.output)
    macs += _products(num_distances, module.position)
    # content scores, weighted sums, and scores of every distance for every query
    return macs + num_frames * (2 * num_frames + num_distances) * module.query.out_features


def _key_position_attention_macs(module: KeyPositionAttention, num_frames: int) -> int:
    macs = _attention_macs(module, num_frames, num_frames)
    # the projected positions, and the biases of keys by content and by position
    return macs + _products(num_frames, module.position) + 2 * num_frames * module.key.out_features


def _products(positions: int, *modules: nn.Linear | nn.Conv1d | nn.Conv2d) -> int:
    """Multiply-adds of layers that apply each weight once at each of so many positions."""
    return positions * sum(module.weight.numel() for module in modules)


def _conv_len(length: int, kernel_size: int, stride: int) -> int:
    return (length - kernel_size) // stride + 1


def _check_finite(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"`{name}` must be a number of 0 or more, but is {value}")
