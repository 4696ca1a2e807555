"""Routers that read other frames of the utterance."""

import pytest
import torch

from moeasr.moe.offline_routers import LookAheadRouter, UtteranceRouter
from moeasr.nn.valid_frames import ValidFrames, find_valid_frames

D, E, R = 6, 4, 3
LENS = torch.tensor([5, 8, 1])
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def x():
    """Three utterances, whose padding is far from zero."""
    frames = torch.randn(3, 8, D, dtype=torch.float64)
    for b, length in enumerate(LENS.tolist()):
        frames[b, length:] = 1e3
    return frames


def utterance_router(weights="selected", k=2, merges=False):
    return UtteranceRouter(D, E, k, weights, merges).double()


def look_ahead_router():
    return LookAheadRouter(D, R, E, 2, "selected").double()


def route(router, x, lens=LENS):
    valid = find_valid_frames(lens, x.size(1))
    return router.route(valid.take(x), valid)


def test_an_utterance_is_routed_by_the_mean_of_its_frames(x):
    router = utterance_router()
    routing = route(router, x)
    starts = [0, 5, 13, 14]
    for b, length in enumerate(LENS.tolist()):
        logits = router.weight @ x[b, :length].mean(dim=0)
        own = [part[starts[b] : starts[b + 1]] for part in routing[:4]]
        torch.testing.assert_close(own[2], logits.expand(length, E), **EXACT)
        best = logits.argsort(descending=True)[:2]
        assert torch.equal(own[0], best.expand(length, 2))
        torch.testing.assert_close(own[1], logits[best].softmax(0).expand(length, 2), **EXACT)


def test_merging_names_the_expert_with_the_largest_share(x):
    merged, plain = utterance_router("full", 1, merges=True), utterance_router("full", 1)
    merged.load_state_dict(plain.state_dict())
    found, wanted = route(merged, x), route(plain, x)
    assert torch.equal(found.expert_ids, wanted.expert_ids)
    assert torch.equal(found.probs, wanted.probs)
    assert (found.expert_weights == 1).all() and (wanted.expert_weights < 1).all()
    assert merged.num_choices == 1 and merged.weights_sum_to_one and merged.has_gradient


def test_a_frame_is_routed_by_itself_and_the_next_frames_of_its_utterance(x):
    router = look_ahead_router()
    routing, n = route(router, x), 0
    for b, length in enumerate(LENS.tolist()):
        for t in range(length):
            logits = sum(router.weight[:, j] @ x[b, t + j] for j in range(R + 1) if t + j < length)
            torch.testing.assert_close(routing.logits[n], logits, **EXACT)
            n += 1
    assert n == len(routing.logits)


@pytest.mark.parametrize("make", [utterance_router, look_ahead_router])
def test_padding_that_is_routed_changes_no_valid_frame(make, x):
    """An exported model routes padding, too."""
    router, valid = make(), find_valid_frames(LENS, 8)
    whole = router.route(x.flatten(0, 1), ValidFrames(valid.mask, None))
    for found, wanted in zip(whole[:4], route(router, x)):
        torch.testing.assert_close(found[valid.index], wanted, **EXACT)


@pytest.mark.parametrize("make", [utterance_router, look_ahead_router])
def test_frames_without_places_are_one_utterance(make, x):
    router = make()
    found, wanted = router(x[1]), route(router, x[1:2], LENS[1:2])
    assert torch.equal(found.logits, wanted.logits)


@pytest.mark.parametrize("make", [utterance_router, look_ahead_router])
def test_every_score_has_a_gradient(make, x):
    router = make()
    route(router, x).expert_weights[:, 0].sum().backward()
    assert router.weight.grad.abs().amin(dim=-1).max() > 0 and router.weight.grad.isfinite().all()
