"""Experts that run alone on all frames of an utterance."""

import pytest
import torch
from rounding import assert_close
from systems import moe

from moeasr.moe.experts_alone import run_alone
from moeasr.nn.feed_forward import Stack
from moeasr.nn.valid_frames import find_valid_frames

STEPS = 16
"""Operations in a row: sums over 6 inputs and 16 hidden units, activation and residual."""


@pytest.fixture
def layer():
    torch.manual_seed(2)
    return moe().build(Stack(6, 0.0)).double().train()


def run(layer, x, lens):
    valid = find_valid_frames(torch.tensor(lens), x.size(1))
    x_ND = valid.take(x)
    routing = layer.router(x_ND)
    return run_alone(layer.experts, x_ND, routing, valid), routing


def test_the_most_used_experts_process_all_frames_and_have_the_shares_of_their_weights(layer):
    """The twin counts the weights of each expert, and runs every expert on every frame."""
    x, lens = torch.randn(2, 5, 6, dtype=torch.float64), [5, 3]
    alone, routing = run(layer, x, lens)
    assert alone.states.shape == (2, 2, 5, 6)
    outputs = [x + layer.experts.run_expert(w, x) for w in layer.experts.weights()]
    first = 0
    for b, num_frames in enumerate(lens):
        sums = [0.0] * 4
        for n in range(first, first + num_frames):
            for expert, weight in zip(routing.expert_ids[n], routing.expert_weights[n].tolist()):
                sums[expert] += weight
        first += num_frames
        best = sorted(range(4), key=lambda e: -sums[e])[:2]
        assert alone.expert_ids[b].tolist() == best
        shares = [sums[e] / sum(sums[e] for e in best) for e in best]
        assert alone.shares[b].tolist() == pytest.approx(shares, rel=1e-14)
        for k, expert in enumerate(best):
            state = alone.states[b, k]
            expected = outputs[expert][b, :num_frames]
            assert_close(state[:num_frames], expected, STEPS, dtype=torch.float64)
            assert not state[num_frames:].any()


def test_an_utterance_is_the_same_alone_as_in_a_batch(layer):
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    both, _ = run(layer, x, [5, 3])
    one, _ = run(layer, x[1:, :3], [3])
    assert torch.equal(both.expert_ids[1:], one.expert_ids)
    assert_close(both.shares[1:], one.shares, STEPS, dtype=torch.float64)
    assert_close(both.states[1:, :, :3], one.states, STEPS, dtype=torch.float64)


def test_routers_and_experts_have_gradients(layer):
    alone, _ = run(layer, torch.randn(2, 5, 6, dtype=torch.float64), [5, 3])
    (alone.shares * alone.states.square().sum(dim=(2, 3))).sum().backward()
    assert layer.router.weight.grad.abs().sum() > 0
    used = alone.expert_ids.unique().tolist()
    has_gradient = layer.experts.w1.grad.abs().sum(dim=(1, 2)) > 0
    assert has_gradient.nonzero().flatten().tolist() == used
