"""Blocks that share parts (arXiv 2209.08326): the shared parts, and those of each block."""

import pytest
import torch
from systems import encoder, make_system, moe

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.models.build import count_params
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.moe.layer import DrawnExperts

FEATS, LENS = torch.randn(1, 60, 20, dtype=torch.float64), torch.tensor([60])


@pytest.mark.parametrize(
    ("system", "groups"),
    [("shared_consecutive", [0, 0, 1, 1]), ("shared_interleaved", [0, 1, 0, 1])],
)
def test_a_group_shares_its_parts_and_nothing_else(system, groups):
    blocks = make_system(system).encoder.blocks
    for i, one in enumerate(blocks):
        for j, other in enumerate(blocks):
            together = groups[i] == groups[j]
            assert (one.attention is other.attention) == together
            assert (one.feed_forward.experts is other.feed_forward.experts) == together
            for part in ("pointwise1", "depthwise", "pointwise2"):
                shared = getattr(one.convolution, part) is getattr(other.convolution, part)
                assert shared == together
            if i != j:
                assert one.feed_forward.router is not other.feed_forward.router
                assert one.convolution.norm is not other.convolution.norm
                own = {id(m) for m in one.children() if isinstance(m, torch.nn.LayerNorm)}
                assert len(own) == 5 and not own & {id(m) for m in other.children()}


@pytest.mark.parametrize(("layout", "num_attentions"), [("consecutive", 2), ("interleaved", 1)])
def test_blocks_without_attention_do_not_hide_their_groups(layout, num_attentions):
    """Every second one of eight blocks has attention; with ABAB, they all belong to one group."""
    config = encoder(
        type="transformer",
        num_blocks=8,
        num_groups=2,
        group_layout=layout,
        attention_every=2,
        memory_kernel_size=3,
    )
    blocks = make_system("transformer", encoder=config).encoder.blocks
    attentions = [block.attention for block in blocks if block.attention is not None]
    assert len(attentions) == 4 and len({id(a) for a in attentions}) == num_attentions
    assert len({id(block.memory) for block in blocks}) == 2


def test_parameters_are_counted_once():
    model = make_system("shared_consecutive")
    unique = {
        p.data_ptr(): p.numel() for p in model.state_dict(keep_vars=True).values() if p.numel()
    }
    buffers = sum(b.numel() for b in model.buffers())
    assert count_params(model).total == sum(unique.values()) - buffers


def test_a_checkpoint_holds_each_shared_tensor_once(tmp_path):
    model = make_system("shared_consecutive")
    checkpoint.save(tmp_path / "shared.pt", {"model": model.state_dict()})
    apart = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    checkpoint.save(tmp_path / "apart.pt", {"model": apart})
    size, size_apart = (p.stat().st_size for p in (tmp_path / "shared.pt", tmp_path / "apart.pt"))
    saved = sum(t.nbytes for t in apart.values()) - 8 * count_params(model).total
    assert size_apart - size > 0.9 * saved > 10_000
    loaded = checkpoint.load(tmp_path / "shared.pt")["model"]
    other = make_system("shared_consecutive")
    other.load_state_dict(loaded)
    assert torch.equal(other.eval().encode(FEATS, LENS).enc, model.eval().encode(FEATS, LENS).enc)


def test_blocks_without_groups_share_nothing():
    model = make_system("u2pp_moe")
    names = len(list(model.named_parameters(remove_duplicate=False)))
    assert len(list(model.named_parameters())) == names


def test_groups_that_do_not_divide_the_blocks_are_refused():
    with pytest.raises(InputError, match="`num_blocks` must be a multiple of `num_groups`"):
        ConformerConfig(num_blocks=4, num_groups=3)


def test_one_router_serves_all_layers_of_an_omni_router_model():
    model = make_system("omni")
    routers = {
        id(layer.router) for name, layer in model.moe_layers().items() if name.startswith("enc")
    }
    assert len(routers) == 1
    others = {id(layer.router) for name, layer in model.moe_layers().items() if "decoder" in name}
    assert len(others) == 2 and not routers & others  # left to right, and right to left


def test_an_omni_router_draws_the_number_of_experts():
    drawn = moe(router="omni", experts_per_frame=DrawnExperts(train=(1, 2), decode=2))
    model = make_system("omni", encoder=encoder(drawn))
    routers = [layer.router for name, layer in model.moe_layers().items() if "encoder" in name]
    assert {router.training_experts for router in routers} == {(1, 2)}
    assert {router.experts_per_frame for router in routers} == {2}


@pytest.mark.parametrize(
    "changed",
    [
        {"num_experts": 5},
        {"experts_per_frame": 3},
        {"experts_per_frame": DrawnExperts(train=(2,), decode=3)},
        {"expert_weights": "full"},
    ],
)
def test_layers_that_share_a_router_must_have_equal_settings(changed):
    sections = [moe(router="omni", **settings) for settings in ({}, changed)]
    with pytest.raises(
        InputError, match="`router: omni` is shared by all layers, so .* be the same"
    ):
        make_system("omni", encoder=encoder(*sections))


@pytest.mark.parametrize("order", [1, -1])
def test_layers_that_share_a_router_must_have_equally_many_experts(order):
    sections = [moe(router="omni", num_experts=4), moe(router="omni", num_experts=3, merged_from=4)]
    with pytest.raises(InputError, match="layers that share a router must have the same number"):
        make_system("omni", encoder=encoder(*sections[::order]))
