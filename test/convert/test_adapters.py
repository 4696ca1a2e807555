"""Adapters on small models of every kind: what is trained, what stays, and what is refused."""

import pytest
import torch
import torch.nn.functional as F
from systems import BATCH, SYSTEMS, make_system, moe
from torch import nn

from moeasr.convert.adapters import LAYERS, LoraConfig
from moeasr.errors import InputError
from moeasr.low_rank import merge_updates
from moeasr.models.teacher_forced import Inputs, run_teacher_forced
from moeasr.moe.experts import EXPERT_KERNELS
from moeasr.nn.feed_forward import Stack
from moeasr.nn.valid_frames import all_frames_valid

LORA = LoraConfig(rank=2, alpha=3.0)


def trained_names(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def vary_trained(model):
    """Change all trained parameters, as training would."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.3 * torch.randn_like(parameter)


def outputs(model):
    return run_teacher_forced(model.eval(), Inputs(*BATCH)).scores


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_merged_model_is_plain_and_equal_to_the_model_with_updates(name):
    model, plain = make_system(name), make_system(name)
    plain.load_state_dict(model.state_dict())
    LORA.attach(model)
    at_first, before = outputs(model), outputs(plain)
    assert all(torch.equal(at_first[what], before[what]) for what in before)
    vary_trained(model)
    plain.load_state_dict(merge_updates(model.state_dict()))
    updated, merged = outputs(model), outputs(plain)
    assert not any(torch.equal(updated[what], before[what]) for what in before)
    for what in updated:
        torch.testing.assert_close(merged[what], updated[what], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_only_updates_are_trained_and_every_update_learns(name):
    model = make_system(name)
    LORA.attach(model)
    vary_trained(model)
    model(*BATCH).loss.backward()
    trained = trained_names(model)
    assert {name for name, p in model.named_parameters() if p.grad is not None} == trained
    assert all(name.endswith((".up", ".down")) for name in trained)
    assert all(model.get_parameter(name).grad.isfinite().all() for name in trained)


@pytest.mark.parametrize(
    ("modules", "parts"),
    [
        (("attention",), {"query", "key", "value", "position", "output"}),
        (("feed_forward",), {"w1", "w2"}),
    ],
)
@pytest.mark.parametrize("name", ["dense", "shared_expert"])
def test_updates_are_in_the_named_layers(name, modules, parts):
    model = make_system(name)
    LoraConfig(rank=2, modules=modules).attach(model)
    names = {
        name.replace(".parametrizations", "").replace(".weight", "")
        for name in trained_names(model)
    }
    assert {name.split(".")[-3] for name in names} == parts
    has_routed = any(".experts." in name for name in names)
    assert has_routed == (name == "shared_expert" and modules == ("feed_forward",))


@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_each_expert_has_an_update_of_its_own_with_values_and_gradients_of_a_slow_twin(kernel):
    """The twin computes every expert alone, from matrices to which it adds the products itself."""
    layer = moe(hidden_units=7, num_experts=3, kernel=kernel).build(Stack(d_model=6, dropout=0.0))
    layer = layer.double().requires_grad_(False)
    LoraConfig(rank=2, alpha=3.0, modules=("feed_forward",)).add_to(layer)
    vary_trained(layer)
    x, valid = torch.randn(2, 5, 6, dtype=torch.float64), all_frames_valid(2, 5)
    y, routing = layer(x, valid)
    y.square().sum().backward()

    state = {name: tensor.clone() for name, tensor in layer.experts.state_dict().items()}
    leaves = {
        name: t.requires_grad_() for name, t in state.items() if name.endswith(("up", "down"))
    }
    twin = torch.zeros(10, 6, dtype=torch.float64)
    for frame, ids in enumerate(routing.expert_ids.tolist()):
        for choice, expert in enumerate(ids):
            matrices = []
            for name in ("w1", "w2"):
                prefix = f"parametrizations.{name}."
                up, down = (state[f"{prefix}0.{part}"][expert] for part in ("up", "down"))
                matrices.append(state[f"{prefix}original"][expert] + 1.5 * up @ down)
            hidden = F.silu(matrices[0] @ x.view(10, 6)[frame] + state["b1"][expert])
            output = matrices[1] @ hidden + state["b2"][expert]
            twin[frame] = twin[frame] + routing.expert_weights[frame, choice] * output
    torch.testing.assert_close(y.view(10, 6), twin, rtol=0, atol=1e-12)
    twin.square().sum().backward()
    assert len(leaves) == 4
    for name, leaf in leaves.items():
        gradient = layer.experts.get_parameter(name).grad
        torch.testing.assert_close(gradient, leaf.grad, rtol=1e-12, atol=1e-11)


def test_modules_can_be_trained_beside_the_adapter():
    model = make_system("u2pp_moe")
    LoraConfig(also_train=("ctc", "*.router")).attach(model)
    trained = trained_names(model)
    assert {"ctc.project.weight", "ctc.project.bias"} <= trained
    others = {name for name in trained if not name.startswith("ctc.") and ".parametr" not in name}
    assert others and all(name.endswith(".router.weight") for name in others)


def test_new_weights_must_be_trained():
    new = ["ctc", "decoder"]
    LoraConfig(rank=2, also_train=("ctc", "decoder*")).attach(make_system("dense"), new)
    with pytest.raises(InputError, match=r"would freeze new weights in decoder; name the modules"):
        LoraConfig(rank=2, also_train=("ctc",)).attach(make_system("dense"), new)


@pytest.mark.parametrize(
    ("adapter", "sentence"),
    [
        (LoraConfig(rank=17), r"`adapter\.rank` is 17, but must be at most 16"),
        (
            LoraConfig(rank=2, also_train=("ctx",)),
            r"`adapter\.also_train` contains `ctx`, but the model has only the modules encoder, ",
        ),
    ],
)
def test_what_the_model_has_not_is_refused(adapter, sentence):
    with pytest.raises(InputError, match=sentence):
        adapter.attach(make_system("dense"))


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_that_the_model_has_not_are_refused(kind):
    sentence = f"`adapter.modules` names {kind}, but the model has no such layer"
    with pytest.raises(InputError, match=sentence):
        LoraConfig(modules=(kind,)).add_to(nn.Linear(3, 3))


def test_settings_out_of_range_are_refused():
    for settings, sentence in (
        ({"rank": 0}, "`rank` must be at least 1, but is 0"),
        ({"alpha": 0.0}, r"`alpha` must be positive, but is 0\.0"),
        ({"modules": ()}, "`modules` must name at least one of attention, feed_forward"),
    ):
        with pytest.raises(InputError, match=sentence):
            LoraConfig(**settings)
