"""Merging of similar experts in whole models."""

import pytest
import torch
from systems import BATCH, encoder, make_system, moe, vary

from moeasr.convert.densifying import measure_bank_usage
from moeasr.convert.merging import merge_experts, merge_into
from moeasr.convert.output_change import measure_change
from moeasr.convert.pruning import drop_rarely_used
from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.teacher_forced import Inputs
from moeasr.moe.routers import ROUTERS

INPUTS = Inputs(*BATCH)
MERGEABLE = {
    **{
        name: {"encoder": encoder(moe(router=name), dynamic_chunk=False)}
        for name, kind in ROUTERS.items()
        if kind.context is None
    },
    "full": {"encoder": encoder(moe(expert_weights="full"))},
    "switch": {"encoder": encoder(moe(expert_weights="full", experts_per_frame=1))},
    "shared": {"encoder": encoder(moe(), num_blocks=4, num_groups=2)},
    "shared_omni": {"encoder": encoder(moe(router="omni"), num_blocks=4, num_groups=2)},
    "shared_expert": {"encoder": encoder(moe(shared_expert_units=12))},
    "transformer": {"encoder": encoder(moe(), type="transformer")},
    "every": {"encoder": encoder(moe(kernel="every"))},
    "loop": {"encoder": encoder(moe(kernel="loop"))},
}


def make_model(name):
    """A model whose experts 1 and 3 are equal but for the order of their hidden units.

    Their rows in the router differ, so frames use either or both of them.
    """
    model = vary(make_system("dense", **MERGEABLE[name])).eval()
    for layer in model.moe_layers().values():
        bank = layer.experts
        order = torch.randperm(bank.w1.size(1))
        bank.w1.data[3], bank.b1.data[3] = bank.w1.data[1][order], bank.b1.data[1][order]
        bank.w2.data[3], bank.b2.data[3] = bank.w2.data[1][:, order], bank.b2.data[1]
    return model


def merged(model, num_experts):
    plan = merge_experts(model, measure_bank_usage(model, [INPUTS]), num_experts)
    small = build_model(plan.config, 20, 9).double().eval()
    merge_into(small, model, plan)
    return small


def largest_change(before, after):
    return max(values.largest for values in measure_change(before, after, [INPUTS]).values())


@pytest.mark.parametrize("name", MERGEABLE)
def test_equal_experts_are_merged_without_any_change(name):
    model = make_model(name)
    small = merged(model, 3)
    for layer in small.moe_layers().values():
        assert layer.experts.num_experts == 3 and layer.router.num_experts == 4
        assert layer.router.expert_of.tolist() == [0, 1, 2, 1]
    assert largest_change(model, small) < 1e-12
    assert largest_change(model, merged(model, 2)) > 1e-10  # unused experts count a little
    before, after = (m.encode(*BATCH[:2]).routings for m in (model, small))
    for path, routing in after.items():
        old = before[path]
        assert routing.num_experts == 3
        sums = torch.stack([old.probs[:, 0], old.probs[:, 1] + old.probs[:, 3], old.probs[:, 2]], 1)
        torch.testing.assert_close(routing.probs, sums, rtol=0, atol=1e-12)
        exps = old.logits.exp()
        sums = torch.stack([exps[:, 0], exps[:, 1] + exps[:, 3], exps[:, 2]], dim=1)
        torch.testing.assert_close(routing.logits.exp(), sums, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["top_k", "balanced", "every"])
def test_a_merged_model_trains(name):
    small = merged(make_model(name), 2).train()
    output = small(*BATCH)
    output.loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in small.parameters())
    small.react(output.expert_loads)
    for layer in small.moe_layers().values():
        if layer.router.reacts:
            assert len(layer.router.bias) == 4 and layer.router.bias.unique().numel() <= 2


def test_layers_that_share_a_router_merge_the_same_experts():
    model = vary(make_system("omni")).eval()
    small = merged(model, 2)
    encoder_layers = [v for k, v in small.moe_layers().items() if k.startswith("encoder")]
    assert len({id(layer.router) for layer in encoder_layers}) == 1
    for layer in encoder_layers:
        assert torch.equal(layer.router.expert_of, encoder_layers[0].router.expert_of)


def test_layers_with_fewer_experts_stay():
    few = moe(num_experts=2)
    model = vary(make_system("dense", encoder=encoder(moe(), few))).eval()
    small = merged(model, 3)
    sizes = [layer.experts.num_experts for layer in small.moe_layers().values()]
    assert sizes == [2, 3, 2, 3]
    config = small.config.encoder
    assert (config.feed_forward.merged_from, config.macaron_feed_forward.merged_from) == (4, None)


@pytest.mark.parametrize(
    ("system", "num_experts", "reason"),
    [
        ("u2pp_moe", 4, "no layer has more than 4 experts, so none can be merged"),
        ("u2pp_moe", 1, "must be at least 2, the number of experts per frame of encoder"),
        ("drawn_experts", 3, "must be at least 4, the number of experts per frame of encoder"),
        ("learned_group", 3, "divides its experts among groups of equal size"),
        ("merged_experts", 3, "are merged already; prune a model whose experts are not"),
    ],
)
def test_experts_that_cannot_be_merged_are_refused(system, num_experts, reason):
    model = make_system(system).eval()
    with pytest.raises(InputError, match=reason):
        merge_experts(model, measure_bank_usage(model, [INPUTS]), num_experts)


def test_merged_experts_are_not_pruned_again():
    model = merged(make_system("u2pp_moe").eval(), 3)
    usage = measure_bank_usage(model, [INPUTS])
    for prune in (merge_experts, drop_rarely_used):
        with pytest.raises(InputError, match="are merged already"):
            prune(model, usage, 2 if prune is merge_experts else 0.1)
