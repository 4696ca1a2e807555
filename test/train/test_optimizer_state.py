"""The stored state of an optimizer follows the names of the parameters, not their order."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer
from moeasr.train.optimizer_state import load_optimizer, stored_parameters


def trained(*names, step=True, widths=None, **settings):
    """Return a model of layers with these names, and its optimizer after a step."""
    model = nn.Sequential(
        OrderedDict((name, nn.Linear(3, (widths or {}).get(name, 3))) for name in names)
    )
    optimizer = build_optimizer(model, OptimConfig(**settings))
    if step:
        for number, name in enumerate(sorted(names), start=1):
            for parameter in model.get_submodule(name).parameters():
                parameter.grad = torch.full_like(parameter, float(number))
        optimizer.step()
    return model, optimizer


def averages(model, optimizer):
    return {name: optimizer.state[p]["exp_avg"] for name, p in model.named_parameters()}


@pytest.mark.parametrize(
    ("names", "settings"),
    [
        (("a", "b"), {}),
        (("b", "a"), {}),
        (("a", "b"), {"lr_factors": {"b": 0.5, "a": 0.25}}),
        (("b", "a"), {"lr_factors": {"a": 0.5}}),
    ],
)
def test_averages_are_found_in_any_order_and_in_other_groups(names, settings):
    old, old_optimizer = trained("a", "b")
    expected = averages(old, old_optimizer)
    model, optimizer = trained(*names, step=False, **settings)
    load_optimizer(optimizer, copy.deepcopy(old_optimizer.state_dict()))
    found = averages(model, optimizer)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value)
    assert not torch.equal(found["a.bias"], found["b.bias"])


@pytest.mark.parametrize(("before", "now"), [("adamw", "adam"), ("adam", "adamw")])
def test_the_kind_of_optimizer_and_its_settings_are_those_of_the_config(before, now):
    _, old = trained("a", name=before, weight_decay=0.5)
    expected = trained("a", step=False, name=now, weight_decay=0.25, lr_factors={"a": 0.5})[1]
    _, optimizer = trained("a", step=False, name=now, weight_decay=0.25, lr_factors={"a": 0.5})
    load_optimizer(optimizer, old.state_dict())
    settings = [
        [{k: v for k, v in group.items() if k != "params"} for group in one.param_groups]
        for one in (optimizer, expected)
    ]
    assert settings[0] == settings[1]
    assert settings[0][0]["decoupled_weight_decay"] == (now == "adamw")


def test_states_without_names_are_those_of_the_parameters_in_order():
    old, old_optimizer = trained("a", "b")
    state = old_optimizer.state_dict()
    for group in state["param_groups"]:
        del group["param_names"], group["lr_factor"]
    model, optimizer = trained("a", "b", step=False)
    load_optimizer(optimizer, state)
    for name, value in averages(old, old_optimizer).items():
        assert torch.equal(averages(model, optimizer)[name], value)
    assert [group["lr_factor"] for group in optimizer.param_groups] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("names", "widths", "reason"),
    [
        (("a", "c"), {}, "other parameters"),
        (("a",), {}, "other parameters"),
        (("a", "b", "c"), {}, "other parameters"),
        (("a", "b"), {"b": 2}, "other shapes"),
    ],
)
@pytest.mark.parametrize("has_names", [True, False])
def test_other_parameters_are_refused(names, widths, reason, has_names):
    state = trained("a", "b")[1].state_dict()
    if not has_names:
        if names == ("a", "c"):
            pytest.skip("without names, only numbers and shapes can be compared")
        for group in state["param_groups"]:
            del group["param_names"]
    _, optimizer = trained(*names, step=False, widths=widths)
    with pytest.raises(ValueError, match=reason):
        load_optimizer(optimizer, state)


def test_a_name_that_the_optimizer_lacks_has_no_parameter():
    state = trained("a", "b")[1].state_dict()
    model, optimizer = trained("b", step=False)
    found = dict.fromkeys(stored_parameters(state, optimizer))
    assert list(found) == [None, model.b.weight, model.b.bias]
