"""MoE layers for export compute what the trained layers compute."""

import copy

import pytest
import torch
from systems import BATCH, make_system

from moeasr.export.sliced_experts import SlicedExperts, slice_experts
from moeasr.models.build import count_params
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.valid_frames import all_frames_valid

ROUTED = ["u2pp_moe", "speechmoe", "shared_interleaved", "omni", "balanced", "hash", "random"]


@pytest.mark.parametrize("kind", ROUTED)
def test_the_output_is_that_of_the_trained_model(kind):
    model = make_system(kind).eval()
    sliced = slice_experts(copy.deepcopy(model))
    assert not any(isinstance(module, MoEFeedForward) for module in sliced.modules())
    with torch.no_grad():
        expected = model.encode(*BATCH[:2])
        given = sliced.encode(*BATCH[:2])
    assert given.routings == {}
    for b, length in enumerate(expected.enc_lens.tolist()):
        torch.testing.assert_close(given.enc[b, :length], expected.enc[b, :length])


@pytest.mark.parametrize("kind", ["u2pp_moe", "shared_consecutive"])
def test_layers_that_share_experts_share_them_afterwards(kind):
    model = make_system(kind).eval()
    total = count_params(model).total
    sliced = slice_experts(copy.deepcopy(model))
    assert sum(parameter.numel() for parameter in sliced.parameters()) == total


def test_an_expert_without_frames_is_no_problem():
    layer = make_system("u2pp_moe").encoder.blocks[0].feed_forward.eval()
    with torch.no_grad():
        layer.router.weight.zero_()
        layer.router.weight[1:3, 0] = 1.0
    x = torch.ones(1, 5, 16, dtype=torch.float64)
    valid = all_frames_valid(1, 5)
    expected, routing = layer(x, valid)
    assert set(routing.expert_ids.flatten().tolist()) == {1, 2}
    given, nothing = SlicedExperts(layer)(x, valid)
    torch.testing.assert_close(given, expected)
    assert nothing is None
