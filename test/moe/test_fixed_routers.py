"""Routers without learned parameters."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.fixed_routers import NUM_BITS, HashRouter, RandomRouter


@pytest.fixture
def x():
    return torch.randn(4000, 16, dtype=torch.float64)


@pytest.mark.parametrize("kind", [HashRouter, RandomRouter])
def test_every_frame_has_k_different_experts_evenly_weighted(kind, x):
    for training in (True, False):
        routing = kind(16, 6, 3).double().train(training)(x)
        assert routing.expert_ids.shape == (4000, 3)
        assert all(len(set(ids)) == 3 for ids in routing.expert_ids.tolist())
        assert torch.equal(routing.expert_weights, torch.full((4000, 3), 1 / 3, dtype=x.dtype))
        torch.testing.assert_close(routing.probs, torch.full((4000, 6), 1 / 6, dtype=x.dtype))


@pytest.mark.parametrize("kind", [HashRouter, RandomRouter])
def test_all_experts_get_work(kind, x):
    for training in (True, False):
        ids = kind(16, 6, 1).double().train(training)(x).expert_ids
        share = torch.bincount(ids.flatten(), minlength=6) / len(x)
        assert share.min() > 0.1 and share.max() < 0.25


def test_a_hash_depends_on_the_frame_alone(x):
    router = HashRouter(16, 6, 2).double()
    whole = router(x).expert_ids
    order = torch.randperm(len(x))
    assert torch.equal(router(x[order]).expert_ids, whole[order])
    assert torch.equal(router.eval()(x[:1]).expert_ids, whole[:1])
    assert torch.equal(router(3.0 * x).expert_ids, whole)  # of signs only


def test_the_hash_is_knuths_of_the_signs_on_all_directions():
    """With another hash, the experts of a checkpoint would receive frames of other experts."""
    router = HashRouter(NUM_BITS, 6, 2)
    router.directions.copy_(torch.eye(NUM_BITS))
    x = torch.randn(100, NUM_BITS)
    expected = []
    for frame in x.tolist():
        code = sum(2**place for place, value in enumerate(frame) if value > 0)
        first = (code * 2654435761 % 2**32) // 2**16
        expected.append([first % 6, (first + 1) % 6])
    assert router(x).expert_ids.tolist() == expected


def test_random_experts_are_drawn_anew_in_training_only(x):
    router = RandomRouter(16, 6, 1).double()
    one, other = router(x).expert_ids, router(x).expert_ids
    assert 0.1 < float((one == other).double().mean()) < 0.25  # 1 / 6 by chance
    router.eval()
    assert torch.equal(router(x).expert_ids, router(x).expert_ids)


def test_the_hash_directions_are_part_of_the_checkpoint():
    router = HashRouter(16, 6, 2)
    assert not list(router.parameters()) and "directions" in router.state_dict()


def test_k_outside_its_range_is_refused():
    with pytest.raises(InputError, match="between 1 and the number of experts"):
        RandomRouter(16, 6, 7)
