"""Multiply-adds of the modules of a model, for a given number of frames or tokens.

In a matrix product or a convolution, each weight performs one multiply-add per position (frame or
token) to which it is applied. Attention adds the products of queries with keys, and of attention
weights with values. Norms, activations, softmax, biases and residual sums are cheap in comparison
and omitted.
"""

from fractions import Fraction

from torch import nn

from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.merged_experts import MergedExperts
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.subsampling import ConvSubsampling4


def products(positions: int, *modules: nn.Linear | nn.Conv1d | nn.Conv2d) -> int:
    """Count multiply-adds of layers that apply each weight once per position."""
    return positions * sum(module.weight.numel() for module in modules)


def subsampling_macs(module: ConvSubsampling4, num_feats: int, num_mel_bins: int) -> int:
    """Count multiply-adds of the front end."""
    macs, height, width = 0, num_feats, num_mel_bins
    for conv in (module.conv1, module.conv2):
        height = _conv_len(height, conv.kernel_size[0], conv.stride[0])
        width = _conv_len(width, conv.kernel_size[1], conv.stride[1])
        macs += products(height * width, conv)
    return macs + products(height, module.project)


def attention_macs(
    module: MultiHeadAttention | KeyPositionAttention, num_queries: int, num_keys: int
) -> int:
    """Count multiply-adds of attention (projections, scores, weighted sums) without positions."""
    projections = products(num_queries, module.query, module.output)
    projections += products(num_keys, module.key, module.value)
    scores_and_sums = 2 * num_queries * num_keys * module.query.out_features
    return projections + scores_and_sums


def self_attention_macs(module: RelPositionAttention, num_frames: int) -> int:
    """Count multiply-adds of an encoder's self-attention with full context."""
    if isinstance(module, KeyPositionAttention):
        macs = attention_macs(module, num_frames, num_frames)
        # the projected positions, and the biases of keys by content and by position
        biases = 2 * num_frames * module.key.out_features
        return macs + products(num_frames, module.position) + biases
    num_distances = 2 * num_frames - 1
    macs = products(num_frames, module.query, module.key, module.value, module.output)
    macs += products(num_distances, module.position)
    # content scores, weighted sums, and scores of every distance for every query
    return macs + num_frames * (2 * num_frames + num_distances) * module.query.out_features


def convolution_macs(module: ConvolutionModule, num_frames: int) -> int:
    """Count multiply-adds of the Conformer's convolution module."""
    # The first pointwise layer also processes edges that are padded before it.
    num_edges = 0 if module.pads_after_gate else sum(module.edges)
    macs = products(num_frames + num_edges, module.pointwise1)
    return macs + products(num_frames, module.depthwise, module.pointwise2)


def active_share(module: MoEFeedForward) -> Fraction:
    """Return the share of the experts that work on one frame, K / E.

    It is above 1 if merged experts are fewer than K: such an expert works several times.
    """
    return Fraction(module.router.experts_per_frame, module.experts.num_experts)


def experts_macs(module: MoEFeedForward, num_rows: int) -> int:
    """Count multiply-adds of the selected experts for one utterance, without the router."""
    experts = module.experts
    if isinstance(experts, MergedExperts):  # merged once for the utterance
        per_frame = int(active_share(module) * (experts.w1.numel() + experts.w2.numel()))
        merging = sum(weight.numel() for weight in (experts.w1, experts.b1, experts.w2, experts.b2))
        return num_rows * per_frame + merging
    macs = int(num_rows * active_share(module) * (experts.w1.numel() + experts.w2.numel()))
    # the weighted sum of the experts' outputs
    return macs + num_rows * module.router.experts_per_frame * experts.w1.size(2)


def _conv_len(length: int, kernel_size: int, stride: int) -> int:
    return (length - kernel_size) // stride + 1
