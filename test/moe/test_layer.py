"""The MoE layer: properties that hold for every router and every kernel."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.moe.routers import ROUTERS
from moeasr.moe.top_k_routers import EmbeddingRouter, TopKRouter
from moeasr.nn.feed_forward import ACTIVATIONS, DenseFeedForward, Stack
from moeasr.nn.valid_frames import all_frames_valid, find_valid_frames


def make_layer(num_experts, k, weights="selected", kernel="sorted", activation="silu"):
    router = TopKRouter(6, num_experts, k, weights)
    activate = ACTIVATIONS[activation]
    bank = ExpertBank(6, 8, num_experts, 0.0, EXPERT_KERNELS[kernel], activate)
    return MoEFeedForward(router, bank).double()


def as_dense(layer, expert):
    bank = layer.experts
    dense = DenseFeedForward(6, 8, 0.0, bank.activation).double()
    with torch.no_grad():
        for module, weight, bias in ((dense.w1, bank.w1, bank.b1), (dense.w2, bank.w2, bank.b2)):
            module.weight.copy_(weight[expert])
            module.bias.copy_(bias[expert])
    return dense


@pytest.fixture
def x():
    return torch.randn(2, 5, 6, dtype=torch.float64)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("weights", ["selected", "full"])
@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_one_expert_is_the_dense_feed_forward_values_and_gradients(x, weights, kernel, activation):
    layer = make_layer(1, 1, weights, kernel, activation)
    dense = as_dense(layer, 0)
    valid = all_frames_valid(2, 5)
    y, expected = layer(x, valid)[0], dense(x, valid)[0]
    y.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(layer.experts.w1.grad[0], dense.w1.weight.grad, rtol=0, atol=1e-11)
    torch.testing.assert_close(layer.experts.b2.grad[0], dense.w2.bias.grad, rtol=0, atol=1e-11)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_identical_experts_with_weights_that_sum_to_one_are_dense_for_any_k(x, k):
    layer = make_layer(4, k)
    with torch.no_grad():
        for parameter in layer.experts.parameters():
            parameter.copy_(parameter[:1].expand_as(parameter))
    valid = all_frames_valid(2, 5)
    expected = as_dense(layer, 0)(x, valid)[0]
    torch.testing.assert_close(layer(x, valid)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_a_shared_expert_is_added_for_every_valid_frame_with_weight_1(x, kernel):
    layer = make_layer(4, 2, kernel=kernel)
    shared = DenseFeedForward(6, 10, 0.0).double()
    both = MoEFeedForward(layer.router, layer.experts, shared)
    valid = find_valid_frames(torch.tensor([5, 3]), 5)
    y, routing = both(x, valid)
    alone, same_routing = layer(x, valid)
    assert torch.equal(routing.expert_ids, same_routing.expert_ids)
    expected = alone + shared(x, valid)[0] * valid.mask[:, :, None]
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-14)
    assert not y[1, 3:].any()


def test_layers_that_share_experts_share_the_shared_expert_too():
    stack = Stack(d_model=6, dropout=0.0)
    config = MoeConfig(hidden_units=8, num_experts=4, shared_expert_units=10)
    first = config.build(stack)
    second = config.build(stack, like=first)
    assert second.shared_expert is first.shared_expert and second.router is not first.router
    assert first.shared_expert.w1.out_features == 10
    assert MoeConfig().build(stack).shared_expert is None
    with pytest.raises(InputError, match="`shared_expert_units` must be at least 0, but is -1"):
        MoeConfig(shared_expert_units=-1)


def test_padding_is_neither_routed_nor_counted_and_changes_nothing(x):
    layer = make_layer(4, 2)
    valid = find_valid_frames(torch.tensor([5, 3]), 5)
    y, routing = layer(x, valid)
    assert routing.expert_ids.shape == (8, 2)
    assert not y[1, 3:].any()
    spoilt = x.clone()
    spoilt[1, 3:] = 1e9
    y_spoilt, routing_spoilt = layer(spoilt, valid)
    assert torch.equal(y, y_spoilt) and torch.equal(routing.expert_ids, routing_spoilt.expert_ids)
    alone, _ = layer(x[1:, :3], all_frames_valid(1, 3))
    torch.testing.assert_close(alone[0], y[1, :3], rtol=0, atol=1e-12)


@pytest.mark.parametrize("lens", [(5, 5), (5, 3), (3, 5)])
def test_each_valid_frame_is_routed_with_its_own_context(x, lens):
    layer = make_layer(4, 1, "full")
    layer.router = EmbeddingRouter(6, 2, 4, 1, "full").double()
    context, valid = torch.randn(2, 5, 2).double(), find_valid_frames(torch.tensor(lens), 5)
    y, routing = layer(x, valid, context)
    for n, (b, t) in enumerate(valid.mask.nonzero().tolist()):
        logits = layer.router.weight @ torch.cat((context[b, t], x[b, t]))
        torch.testing.assert_close(routing.logits[n], logits, rtol=0, atol=1e-12)
        frame, best = x[b : b + 1, t : t + 1], int(logits.argmax())
        out = as_dense(layer, best)(frame, None)[0] * logits.softmax(dim=0)[best]
        torch.testing.assert_close(y[b, t], out[0, 0], rtol=0, atol=1e-12)


def test_runs_under_autocast_and_keeps_the_dtype_of_its_experts():
    layer = make_layer(4, 2).float()
    x = torch.randn(2, 5, 6)
    valid = all_frames_valid(2, 5)
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = layer(x, valid)
    exact, _ = layer(x, valid)
    assert (y.float() - exact).abs().max() < 0.05


MERGING = {"router": "utterance", "experts_per_frame": 1, "expert_weights": "full"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"look_ahead_frames": 2}, "`look_ahead_frames` must be null with `router: top_k`"),
        ({"num_experts": 5, "merged_from": 4}, "`merged_from` must be at least 5, but is 4"),
        ({**MERGING, "merged_from": 9}, "`merged_from` must be null with `merge: true`"),
        (
            {"look_ahead_frames": 0, "router": "look_ahead"},
            "`look_ahead_frames` must be at least 1, but is 0",
        ),
        (
            {**MERGING, "router": "top_k"},
            "`merge: true` needs `router: utterance`, but the router is top_k",
        ),
        (
            {**MERGING, "experts_per_frame": 2},
            "needs `experts_per_frame: 1` and `expert_weights: full`",
        ),
        (
            {**MERGING, "experts_per_frame": 1, "expert_weights": "one"},
            "needs `experts_per_frame: 1` and `expert_weights: full`",
        ),
    ],
)
def test_settings_of_routers_that_read_later_frames_are_checked(settings, reason):
    merge = {"merge": True} if settings.keys() >= MERGING.keys() else {}
    with pytest.raises(InputError, match=reason):
        MoeConfig(**settings, **merge)
    assert MoeConfig(**MERGING, merge=True).sees_future and not MoeConfig().sees_future


def test_a_merged_expert_is_the_only_one_that_a_frame_may_use():
    layer = MoeConfig(**MERGING, merge=True).build(Stack(d_model=6, dropout=0.0))
    with pytest.raises(InputError, match=r"\(1\), but is 2"):
        layer.router.use_experts(2)


def test_a_context_that_no_part_of_a_model_gives_is_refused(monkeypatch):
    class AccentRouter(TopKRouter):
        context = "accent"

    monkeypatch.setitem(ROUTERS, "accent", AccentRouter)
    with pytest.raises(InputError, match="`router: accent` needs the router context 'accent', but"):
        MoeConfig(router="accent")
