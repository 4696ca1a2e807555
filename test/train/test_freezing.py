"""Parameters that an epoch trains."""

import pytest
import torch
from systems import BATCH, make_system

from moeasr.errors import InputError
from moeasr.train.config import FreezeConfig
from moeasr.train.freezing import (
    Freezing,
    check_reached,
    frozen_parameters,
    warn_of_frozen_new,
)

DECODERS = ("decoder", "reverse_decoder")


def trained_names(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_modules_are_frozen_up_to_their_last_epoch(caplog):
    caplog.set_level("INFO")
    model = make_system("dense")
    everything = trained_names(model)
    config = [FreezeConfig(modules=("encoder",), until_epoch=2), FreezeConfig(modules=("ctc",))]
    freezing = Freezing(model, config)
    assert trained_names(model) == everything
    for epoch in (1, 2):
        freezing.start_epoch(epoch)
        assert trained_names(model) == {n for n in everything if n.split(".")[0] in DECODERS}
    freezing.start_epoch(3)
    assert trained_names(model) == {n for n in everything if not n.startswith("ctc.")}
    assert [message[:18] for message in caplog.messages] == [
        "from epoch 1 on, 0",
        "from epoch 3 on, 0",
    ]


def test_exceptions_are_trained():
    model = make_system("u2pp_moe")
    everything = trained_names(model)
    Freezing(model, [FreezeConfig(modules=("*",), except_=("*.experts", "*.router"))]).start_epoch(
        1
    )
    parts = {"experts", "router"}
    assert trained_names(model) == {n for n in everything if parts & set(n.split("."))} != set()


def test_frames_are_routed_and_counted_in_frozen_layers_too():
    model = make_system("u2pp_moe").eval()
    loads = model(*BATCH).expert_loads
    Freezing(model, [FreezeConfig(modules=("*",), except_=("ctc",))]).start_epoch(1)
    output = model(*BATCH)
    assert output.expert_loads.keys() == loads.keys() == model.moe_layers().keys()
    assert all(torch.equal(output.expert_loads[name], loads[name]) for name in loads)
    output.loss.backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient == {"ctc.project.weight", "ctc.project.bias"}


def test_a_parameter_that_modules_share_is_frozen_with_one_of_them():
    model = make_system("self_conditioned")
    encoder = FreezeConfig(modules=("encoder",))
    assert model.ctc.project.weight in frozen_parameters(model, [encoder], 1)
    but_ctc = FreezeConfig(modules=("encoder",), except_=("ctc",))
    assert model.ctc.project.weight not in frozen_parameters(model, [but_ctc], 1)


def test_what_needs_no_gradient_is_never_trained():
    model = make_system("speechmoe")
    model.embedding.requires_grad_(False)
    freezing = Freezing(model, [FreezeConfig(modules=("embedding", "ctc"), until_epoch=1)])
    for epoch in (1, 2):
        freezing.start_epoch(epoch)
        names = {name.split(".")[0] for name in trained_names(model)}
        assert "embedding" not in names and ("ctc" in names) == (epoch == 2)


def test_new_weights_that_no_epoch_trains_are_warned_of(caplog):
    model = make_system("dense")
    config = [FreezeConfig(modules=("ctc",), until_epoch=3), FreezeConfig(modules=("*decoder",))]
    warn_of_frozen_new(model, config, 4, ["ctc"])
    assert not caplog.messages
    warn_of_frozen_new(model, config, 4, ["ctc", "decoder"])
    assert "no epoch trains the new weights in decoder, so that" in caplog.text
    caplog.clear()
    warn_of_frozen_new(model, config, 3, ["ctc", "reverse_decoder"])
    assert "no epoch trains the new weights in ctc, reverse_decoder, so" in caplog.text


def test_a_loss_that_no_trained_weight_changes_is_refused():
    model = make_system("dense", ctc_weight=1.0)
    Freezing(model, [FreezeConfig(modules=("encoder",))]).start_epoch(1)
    check_reached(model(*BATCH).loss)
    Freezing(model, [FreezeConfig(modules=("encoder", "ctc"))]).start_epoch(1)
    assert trained_names(model)
    with pytest.raises(InputError, match="the loss depends on no weight that is trained: `train.f"):
        check_reached(model(*BATCH).loss)


def test_names_and_an_epoch_that_trains_nothing_are_refused():
    model = make_system("dense")
    for entry in ({"modules": ("encoders",)}, {"modules": ("ctc",), "except_": ("encoders",)}):
        with pytest.raises(InputError, match="`encoders`, but the model has only the modules enc"):
            Freezing(model, [FreezeConfig(**entry)])
    with pytest.raises(InputError, match="`train.freeze` leaves no parameter for epoch 1 to train"):
        Freezing(model, [FreezeConfig(modules=("*",), until_epoch=1)])
