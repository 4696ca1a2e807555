"""Multiply-adds of single modules, against closed formulas."""

import torch

from moeasr.models.macs import (
    active_share,
    attention_macs,
    convolution_macs,
    experts_macs,
    products,
    self_attention_macs,
    subsampling_macs,
)
from moeasr.moe.experts import ExpertBank, loop_kernel
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.subsampling import ConvSubsampling4

T, D, U = 11, 6, 4


class RouterOfTwo(torch.nn.Module):
    experts_per_frame = 2


def test_a_weight_is_applied_once_at_each_position():
    assert products(5, torch.nn.Linear(3, 2), torch.nn.Conv1d(4, 4, 3, groups=4)) == 5 * (6 + 12)


def test_attention_is_projections_and_products_of_frames():
    macs = attention_macs(MultiHeadAttention(D, 2, 0.0), num_queries=U, num_keys=T)
    assert macs == 2 * U * D * D + 2 * T * D * D + 2 * U * T * D


def test_relative_positions_add_a_score_for_every_distance():
    macs = self_attention_macs(RelPositionAttention(D, 2, 0.0), T)
    distances = 2 * T - 1
    assert macs == 4 * T * D * D + distances * D * D + T * (2 * T + distances) * D


def test_positions_of_keys_add_a_projection_and_two_biases():
    macs = self_attention_macs(KeyPositionAttention(D, 2, 0.0), T)
    assert macs == 5 * T * D * D + 2 * T * T * D + 2 * T * D


def test_edges_of_the_convolution_are_work_where_they_are_padded_before_the_gate():
    causal = ConvolutionModule(D, 5, causal=True)
    centred = ConvolutionModule(D, 5, causal=False, pads_after_gate=True)
    rest = T * D * 5 + T * D * D
    assert convolution_macs(causal, T) == (T + 4) * 2 * D * D + rest
    assert convolution_macs(centred, T) == T * 2 * D * D + rest


def test_of_experts_those_count_that_run():
    layer = MoEFeedForward(RouterOfTwo(), ExpertBank(D, 10, 8, 0.0, loop_kernel))
    assert active_share(layer) * 8 == 2
    assert experts_macs(layer, T) == T * 2 * (2 * D * 10) + T * 2 * D


def test_the_front_end_has_a_quarter_of_the_frames_in_the_end():
    """19 frames of 15 bins: 9 x 7 after the first convolution, 4 x 3 after the second."""
    macs = subsampling_macs(ConvSubsampling4(15, D, 3), 19, 15)
    assert macs == 9 * 7 * 3 * 9 + 4 * 3 * 3 * 3 * 9 + 4 * (3 * 3) * D
