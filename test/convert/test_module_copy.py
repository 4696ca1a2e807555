"""Modules of a trained model in a new model with other units."""

import dataclasses

import pytest
import torch
from systems import CTC_ONLY, SYSTEMS, encoder, make_system, moe, vary

from moeasr.convert.adapters import LoraConfig
from moeasr.convert.module_copy import TrainedModel, copy_modules
from moeasr.errors import InputError
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.group_head import GroupConfig

SPECIAL = ["<blank>", "<unk>", "<sos/eos>"]
OLD, NEW = [*SPECIAL, *"abcdef"], [*SPECIAL, "1", *"fb", "2"]
OLD_ID = {0: 0, 1: 1, 2: 2, 4: 8, 5: 4}
"""The old id of each new id whose unit is common."""


def copy(source, target, modules=(), units=NEW, their_units=OLD):
    return copy_modules(TrainedModel("a.pt", source, their_units), target, units, modules)


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_rows_copied(new, start, old):
    """Check that the rows of common units are the trained ones, and that the others stay."""
    for row in range(len(NEW)):
        wanted = old[OLD_ID[row]] if row in OLD_ID else start[row]
        assert torch.equal(new[row], wanted)


@pytest.mark.parametrize("name", SYSTEMS)
def test_all_weights_are_copied_but_rows_of_new_units(name):
    source, target = vary(make_system(name)), make_system(name, vocab_size=len(NEW))
    start, old = state_of(target), state_of(source)
    report = copy(source, target)
    assert report.new == [] and report.new_units == ["1", "2"]
    with_rows = set()
    for key, tensor in target.state_dict().items():
        if tensor.shape == old[key].shape:
            assert torch.equal(tensor, old[key])
        elif key == "encoder.conditioning.project.weight":  # has a column for each unit
            assert_rows_copied(tensor.T, start[key].T, old[key].T)
        elif key.startswith("experts.blocks."):  # has rows of units for each expert
            assert_rows_copied(*(part.transpose(0, 1) for part in (tensor, start[key], old[key])))
        else:
            assert_rows_copied(tensor, start[key], old[key])
            with_rows.add(key)
    assert {"ctc.project.weight", "ctc.project.bias"} <= with_rows
    for decoder in {"decoder", "reverse_decoder"} & set(report.copied):
        assert {f"{decoder}.embedding.weight", f"{decoder}.project.bias"} <= with_rows


def test_units_are_matched_as_text_although_all_sizes_are_equal():
    """The models have as many units as the width of the encoder."""
    units = [*SPECIAL, *(f"u{number}" for number in range(13))]
    source, target = vary(make_system("dense", vocab_size=16)), make_system("dense", vocab_size=16)
    report = copy(source, target, (), units, [*SPECIAL, *reversed(units[3:])])
    assert report.describe() == (
        "copied encoder, ctc, decoder, reverse_decoder; new units: none; new modules: none"
    )
    new, old = target.decoder.embedding.weight, source.decoder.embedding.weight
    assert torch.equal(new[:3], old[:3]) and torch.equal(new[3:], old[3:].flip(0))
    new, old = (model.encoder.subsampling.conv2.weight for model in (target, source))
    assert torch.equal(new, old)


def test_only_the_named_modules_are_copied_with_cmvn():
    source, target = vary(make_system("u2pp_moe")), make_system("u2pp_moe", vocab_size=len(NEW))
    source.cmvn.mean.fill_(3.0)
    start, old = state_of(target), state_of(source)
    report = copy(source, target, ["encoder"])
    assert report.describe() == "copied encoder; new modules: ctc, decoder, reverse_decoder"
    for key, tensor in target.state_dict().items():
        wanted = old if key.startswith(("encoder.", "cmvn.")) else start
        assert torch.equal(tensor, wanted[key])


def test_units_without_overlap_are_refused_unless_no_module_has_units():
    source, target = make_system("dense"), make_system("dense", vocab_size=5)
    units, start = [*SPECIAL, "x", "y"], state_of(target)
    reason = (
        r"a\.pt has none of the units of this experiment: its units are a b c d e f, but those of "
        r"the experiment are x y; copy only modules without units: `init.modules: \[encoder\]`$"
    )
    with pytest.raises(InputError, match=reason):
        copy(source, target, (), units)
    assert all(torch.equal(start[key], value) for key, value in target.state_dict().items())
    copy(source, target, ["encoder"], units)


def test_self_conditioning_copies_ctc_with_the_encoder_of_which_it_is_a_part():
    source = vary(make_system("self_conditioned"))
    target = make_system("self_conditioned", vocab_size=len(NEW))
    start, old = state_of(target), state_of(source)
    report = copy(source, target, ["encoder"])
    assert report.copied == ["encoder", "ctc"] and report.new_units == ["1", "2"]
    assert report.new_rows == ["encoder.conditioning", "ctc.project"]
    for name in ("ctc.project.weight", "encoder.conditioning.ctc.project.weight"):
        assert_rows_copied(target.state_dict()[name], start[name], old[name])
    LoraConfig(rank=2, also_train=("encoder.conditioning", "decoder", "reverse_decoder")).attach(
        target, [*report.new, *report.new_rows]
    )

    units = [*SPECIAL, "x", "y"]
    target = make_system("self_conditioned", vocab_size=len(units))
    with pytest.raises(InputError, match="all its modules have units, so extend its dictionary"):
        copy(source, target, ["encoder"], units)


def test_many_new_units_are_shortened_in_the_summary():
    units = [*SPECIAL, "a", *(str(number) for number in range(12))]
    report = copy(make_system("dense"), make_system("dense", vocab_size=16), ["ctc"], units)
    assert "copied ctc; new units: 0 1 2 3 4 5 6 7 8 9 and 2 more; new modules: enc" in (
        report.describe()
    )


@pytest.mark.parametrize(
    ("source", "modules", "reason"),
    [
        (
            {},
            ["encoders"],
            "`encoders`, but the model of the config has only the modules encoder, ",
        ),
        (
            CTC_ONLY,
            ["encoder", "decoder"],
            r"`decoder`, but a\.pt has only the modules encoder, ctc",
        ),
        (
            {"encoder": encoder(num_blocks=3)},
            [],
            r"a\.pt does not fit `encoder` of this model: `model.encoder.num_blocks` is 2 in the "
            "config but 3 in the checkpoint; use the checkpoint's values, or name other modules",
        ),
        ({"encoder": encoder(d_model=8)}, ["encoder"], "`model.encoder.d_model` is 16 in the con"),
        ({"encoder": encoder(d_model=8)}, ["ctc"], "`ctc` of .* `model.encoder.d_model` is 16 in"),
        (
            {"decoder": DecoderConfig(num_blocks=2, num_reverse_blocks=1, num_heads=2)},
            [],
            "does not fit `decoder` of this model: `model.decoder.num_blocks` is 1 in the config",
        ),
    ],
)
def test_modules_that_do_not_exist_or_differ_are_refused(source, modules, reason):
    target = make_system("dense", vocab_size=len(NEW))
    start = state_of(target)
    with pytest.raises(InputError, match=reason):
        copy(make_system("dense", **source), target, modules)
    assert all(torch.equal(start[key], value) for key, value in target.state_dict().items())


def test_groups_of_experts_are_copied_only_for_the_same_labels():
    """The order matters, but not the name of the head. Cases: an own head, and a new one."""
    head = make_system("learned_group").config.group_head
    turned = dataclasses.replace(head, labels=head.labels[::-1])
    trained = make_system("learned_group", heads={"region": turned})
    target, same = make_system("learned_group"), make_system("learned_group", heads={"area": head})
    for modules in ([], ["encoder"]):
        with pytest.raises(InputError, match=r"`model\.heads\.\*\.labels` is \('north', 'south'\)"):
            copy(trained, target, modules, OLD)
        report = copy(same, target, modules, OLD)
        assert "encoder" in report.copied and "accent" in report.new


def routed(router, names=()):
    """A small system whose experts belong to groups, or to none."""
    settings = {"languages": names} if router == "language" else {}
    if router == "learned_group":
        settings["heads"] = {"area": GroupConfig(weight=0.5, labels=names, label="lang")}
    return make_system(
        "u2pp_moe", encoder=encoder(moe(router=router), num_dense_blocks=1), **settings
    )


@pytest.mark.parametrize(
    "routers", [("top_k", "language"), ("top_k", "learned_group"), ("learned_group", "language")]
)
def test_a_trained_router_may_start_another_kind_of_router(routers):
    one, other = (routed(router, ("en", "zh")) for router in routers)
    for source, target in ((one, other), (other, one)):
        old = state_of(vary(source))
        assert copy(source, target, ["encoder"], OLD).copied == ["encoder"]
        new = state_of(target)
        assert all(torch.equal(new[key], old[key]) for key in new if key.startswith("encoder."))


def test_routers_with_other_tensors_are_refused():
    reason = r"a\.pt does not fit this model: the tensor encoder\..*\.router\."
    with pytest.raises(InputError, match=reason):
        copy(routed("top_k"), routed("noisy_top_k"), ["encoder"], OLD)


@pytest.mark.parametrize(
    ("routers", "key"),
    [
        (("language", "learned_group"), r"`model\.heads\.\*\.labels`"),
        (("learned_group", "language"), r"`model\.languages`"),
        (("language", "language"), r"`model\.languages`"),
    ],
)
def test_given_and_learned_groups_must_have_the_same_names_in_order(routers, key):
    source, target = routed(routers[0], ("zh", "en")), routed(routers[1], ("en", "zh"))
    with pytest.raises(InputError, match=key + r" is \('en', 'zh'\) in the config but \('zh', 'en"):
        copy(source, target, ["encoder"], OLD)


def test_the_number_of_experts_per_frame_may_differ():
    source, target = make_system("u2pp_moe"), make_system("drawn_experts", vocab_size=len(NEW))
    routers = [layer.router for layer in target.moe_layers().values()]
    before = [router.training_experts for router in routers]
    copy(source, target, ["encoder"])
    assert any(before) and [router.training_experts for router in routers] == before
    theirs, ours = state_of(source), state_of(target)
    name = "encoder.blocks.0.feed_forward.experts.w1"
    assert torch.equal(ours[name], theirs[name])


def test_a_part_that_is_not_copied_may_differ():
    """Cases: another decoder beside the encoder, and fewer right-to-left blocks."""
    target = make_system("dense", vocab_size=len(NEW))
    copy(make_system("dense", **CTC_ONLY), target)
    decoder = target.config.decoder
    other = DecoderConfig(**{**vars(decoder), "num_reverse_blocks": 2})
    report = copy(make_system("dense", decoder=other), target, ["encoder", "decoder"])
    assert report.copied == ["encoder", "decoder"]


@pytest.mark.parametrize(
    ("router", "other", "message"),
    [
        ("top_k", "omni", "are the same tensor .* but two different tensors in the checkpoint"),
        (
            "balanced",
            "top_k",
            r"a.pt has the tensor encoder\S+router\.bias, which the model",
        ),
    ],
)
def test_weights_of_another_router_are_not_left_out(router, other, message):
    source, target = (
        vary(make_system("dense", encoder=encoder(moe(router=name)))) for name in (router, other)
    )
    before = state_of(target)
    with pytest.raises(InputError, match=message):
        copy(source, target, units=OLD)
    assert all(torch.equal(before[name], tensor) for name, tensor in target.state_dict().items())


def test_noise_of_a_router_may_be_left_out():
    noisy = vary(make_system("dense", encoder=encoder(moe(router="noisy_top_k"))))
    target = make_system("dense", encoder=encoder(moe()))
    assert "encoder" in copy(noisy, target, units=OLD).copied
