"""Removal of experts from whole models."""

import pytest
import torch
from systems import BATCH, DENSE, encoder, make_system, moe, system_config, vary

from moeasr.convert.densifying import measure_bank_usage
from moeasr.convert.output_change import measure_change
from moeasr.convert.pruning import drop_rarely_used, keep_labels, prune_into
from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.heads.group_head import GroupConfig
from moeasr.models.teacher_forced import Inputs
from moeasr.moe.layer import DrawnExperts

INPUTS = Inputs(*BATCH)
DENSE_DECODER = system_config("dense").decoder


def pruned(model, pruning):
    """Build the pruned model from its config and the weights that remain."""
    small = build_model(pruning.config, 20, 9).double().eval()
    prune_into(small, model, pruning)
    return small


def largest_change(before, after, inputs=INPUTS):
    return max(values.largest for values in measure_change(before, after, [inputs]).values())


def told_model(names=("en", "zh", "ja"), **settings):
    experts = moe(router="language", num_experts=2 * len(names), **settings)
    return vary(make_system("dense", encoder=encoder(experts), languages=names)).eval()


def learned_model(names=("en", "zh", "ja"), winner=None, **head):
    """A model whose head finds one label, or any of all labels, in every frame."""
    section = GroupConfig(weight=1.0, labels=names, **head)
    experts = moe(router="learned_group", num_experts=2 * section.num_groups)
    config = encoder(experts, num_dense_blocks=1)
    model = vary(make_system("dense", encoder=config, heads={"spoken": section})).eval()
    if winner is not None:
        model.spoken.project.bias.data[winner] += 1e3
    return model


@pytest.mark.parametrize("weights", ["selected", "full"])
@pytest.mark.parametrize("kept", [(0,), (2, 0)])
def test_utterances_of_the_languages_that_remain_are_computed_as_before(weights, kept):
    model = told_model(expert_weights=weights)
    names = [model.languages[index] for index in kept]
    small = pruned(model, keep_labels(model, names))
    order = [name for name in ("en", "zh", "ja") if name in names]  # the order of the model
    if len(kept) == 1:
        assert small.languages == () and small.config.encoder.feed_forward.router == "top_k"
    else:
        assert small.languages == tuple(order)
    for name in names:
        before = model.encode(*BATCH[:2], languages=torch.full((2,), model.languages.index(name)))
        own = torch.full((2,), order.index(name)) if len(kept) > 1 else None
        after = small.encode(*BATCH[:2], languages=own)
        torch.testing.assert_close(after.enc, before.enc, rtol=0, atol=1e-12)
    assert all(layer.experts.num_experts == 2 * len(kept) for layer in small.moe_layers().values())


@pytest.mark.parametrize(
    ("head", "winner", "kept", "num_groups"),
    [
        ({}, 1, ("zh",), 1),
        ({}, 2, ("ja", "en"), 2),
        ({"loss": "ctc"}, 3, ("ja",), 1),
        ({"loss": "ctc", "blank_group": True}, 2, ("zh",), 2),
        ({"loss": "ctc", "blank_group": True}, 0, ("zh",), 2),  # all frames are blank
        ({"loss": "ctc", "blank_group": True}, 3, ("en", "ja"), 3),
    ],
)
def test_frames_whose_learned_group_remains_are_computed_as_before(head, winner, kept, num_groups):
    model = learned_model(winner=winner, **head)
    small = pruned(model, keep_labels(model, kept))
    assert largest_change(model, small) < 1e-12
    sizes = {layer.experts.num_experts for layer in small.moe_layers().values()}
    assert sizes == {2 * num_groups}
    assert ("spoken" in small.all_heads) == (num_groups > 1)
    other = pruned(model, keep_labels(model, {"en", "zh", "ja"} - set(kept)))
    if winner:
        assert largest_change(model, other) > 1e-3


@pytest.mark.parametrize(
    ("model", "names", "reason"),
    [
        (lambda: make_system("u2pp_moe"), ["en"], "use --drop-experts-below for this one"),
        (
            told_model,
            ["en", "fr"],
            "--keep-languages contains 'fr', but the model has only en, zh, ja",
        ),
        (learned_model, ["en", "zh", "ja"], "some, but not all, of en, zh, ja must remain"),
        (learned_model, [], "some, but not all, of en, zh, ja must remain"),
    ],
)
def test_labels_that_cannot_remain_are_refused(model, names, reason):
    with pytest.raises(InputError, match=reason):
        keep_labels(model(), names)


def skew(model, num_unused):
    """Let no frame use the first experts: a positive norm bias makes their scores the lowest."""
    for name, layer in model.moe_layers().items():
        block, _, part = name.rpartition(".")
        norm_name = "macaron_norm" if part.startswith("macaron") else "feed_forward_norm"
        norm = getattr(model.get_submodule(block), norm_name)
        norm.weight.data.mul_(1e-2)
        norm.bias.data.fill_(1.0)
        layer.router.weight.data[:num_unused] -= 10.0
    return model


PRUNABLE = ["u2pp_moe", "noisy_top_k", "balanced", "omni", "shared_interleaved", "transformer"]


@pytest.mark.parametrize("system", PRUNABLE)
def test_experts_that_no_frame_uses_can_go(system):
    model = skew(vary(make_system(system)).eval(), num_unused=2)
    usage = measure_bank_usage(model, [INPUTS])
    pruning = drop_rarely_used(model, usage, 0.01)
    small = pruned(model, pruning)
    assert set(pruning.kept) == set(model.moe_layers())
    assert all(ids.tolist() == [2, 3] for ids in pruning.kept.values())
    assert all(layer.experts.num_experts == 2 for layer in small.moe_layers().values())
    assert largest_change(model, small) < 1e-12


def test_layers_that_share_a_router_keep_the_experts_that_they_use_together():
    """Alone, the first layer would keep the experts 0 and 1, and the second 2 and 3."""
    experts = encoder(moe(router="omni"), DENSE)
    model = make_system("dense", encoder=experts, decoder=DENSE_DECODER).eval()
    usage = measure_bank_usage(model, [INPUTS])
    first, second = usage
    loads = {first: [50.0, 48.0, 1.0, 1.0], second: [3.0, 1.0, 46.0, 150.0]}
    for name, load in loads.items():
        usage[name] = usage[name]._replace(load=torch.tensor(load, dtype=torch.float64))
    kept = drop_rarely_used(model, usage, 0.17).kept
    assert {name: ids.tolist() for name, ids in kept.items()} == {first: [0, 3], second: [0, 3]}


def test_all_layers_of_a_section_keep_as_many_experts_as_the_one_that_needs_most():
    """Below 0.1 of the load are two experts of one layer and one of the other."""
    model = make_system("u2pp_moe", decoder=DENSE_DECODER).eval()
    usage = measure_bank_usage(model, [INPUTS])
    loads = {
        "encoder.blocks.0.feed_forward": [1.0, 49.0, 2.0, 48.0],
        "encoder.blocks.1.feed_forward": [3.0, 30.0, 40.0, 27.0],
    }
    usage = {
        name: found._replace(load=torch.tensor(loads.get(name, [25.0] * 4), dtype=torch.float64))
        for name, found in usage.items()
    }
    pruning = drop_rarely_used(model, usage, 0.1)
    assert {name: ids.tolist() for name, ids in pruning.kept.items()} == {
        "encoder.blocks.0.feed_forward": [1, 2, 3],  # the most used ones, in their order
        "encoder.blocks.1.feed_forward": [1, 2, 3],
    }
    config = pruning.config.encoder
    assert (config.feed_forward.num_experts, config.macaron_feed_forward.num_experts) == (3, 4)
    small = pruned(model, pruning)
    bank = model.encoder.blocks[0].feed_forward.experts
    assert torch.equal(small.encoder.blocks[0].feed_forward.experts.w1, bank.w1[[1, 2, 3]])


def test_a_layer_keeps_as_many_experts_as_a_frame_may_use():
    model = skew(vary(make_system("u2pp_moe")).eval(), num_unused=3)
    usage = measure_bank_usage(model, [INPUTS])
    assert all(len(ids) == 2 for ids in drop_rarely_used(model, usage, 0.9).kept.values())
    for layer in model.moe_layers().values():
        layer.router.use_experts(3)  # more than in training
    assert all(len(ids) == 3 for ids in drop_rarely_used(model, usage, 0.9).kept.values())


def test_sigmoids_that_are_weights_keep_two_experts():
    """`router: balanced` with `full` weights refuses a single expert, whose weight is below 1."""
    one = moe(router="balanced", experts_per_frame=1, expert_weights="full")
    model = skew(vary(make_system("dense", encoder=encoder(one))).eval(), num_unused=3)
    pruning = drop_rarely_used(model, measure_bank_usage(model, [INPUTS]), 0.9)
    assert all(len(ids) == 2 for ids in pruning.kept.values())
    pruned(model, pruning)


def test_layers_whose_frames_may_use_all_experts_lose_none():
    drawn = moe(experts_per_frame=DrawnExperts(train=(2, 4), decode=1))
    model = skew(vary(make_system("dense", encoder=encoder(drawn))).eval(), num_unused=3)
    with pytest.raises(InputError, match="the layers have no more experts than a frame may use"):
        drop_rarely_used(model, measure_bank_usage(model, [INPUTS]), 0.5)


@pytest.mark.parametrize(
    ("system", "share", "reason"),
    [
        ("u2pp_moe", 1e-9, "no expert can be removed: in some layer of each kind, all experts"),
        ("u2pp_moe", 0.0, "must be above 0 and below 1, but is 0"),
        ("learned_group", 0.01, "divides its experts among groups of equal size; use --keep-lang"),
        ("hash", 0.01, r"\(HashRouter\) cannot lose experts without changing"),
        ("random", 0.01, r"\(RandomRouter\) cannot lose experts"),
        ("speechmoe", 0.01, r"\(EmbeddingRouter\) cannot lose .* a softmax over all experts"),
    ],
)
def test_experts_that_cannot_go_are_kept_and_the_reason_is_given(system, share, reason):
    model = make_system(system).eval()
    usage = measure_bank_usage(model, [INPUTS])
    for found in usage.values():
        found.load.fill_(1.0)
    with pytest.raises(InputError, match=reason):
        drop_rarely_used(model, usage, share)
