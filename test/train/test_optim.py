"""Parameter groups, and steps against Adam as its authors write it."""

import math

import pytest
import torch
from torch import nn

from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.experts import ExpertBank, loop_kernel
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.train.config import OptimConfig, ScheduleConfig, TrainConfig
from moeasr.train.optim import build_optimizer, set_learning_rate


def test_only_weight_matrices_outside_routers_are_decayed():
    ff = MoeConfig(hidden_units=8, num_experts=4)
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2, feed_forward=ff),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
    )
    model = build_model(config, 20, 9)
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, plain = build_optimizer(model, OptimConfig(weight_decay=0.1)).param_groups
    decayed_names = {names[id(p)] for p in decayed["params"]}
    plain_names = {names[id(p)] for p in plain["params"]}
    assert decayed["weight_decay"] == 0.1 and plain["weight_decay"] == 0.0
    assert decayed_names | plain_names == set(names.values())
    assert "encoder.blocks.0.feed_forward.experts.w1" in decayed_names
    assert "encoder.blocks.0.attention.query.weight" in decayed_names
    for name in (
        "encoder.blocks.0.feed_forward.router.weight",
        "encoder.blocks.0.feed_forward.experts.b1",
        "encoder.blocks.0.feed_forward.experts.b2",
        "encoder.blocks.0.attention.content_bias",
        "encoder.blocks.0.attention.position_bias",
        "encoder.blocks.0.final_norm.weight",
        "ctc.project.bias",
    ):
        assert name in plain_names


def test_the_last_factor_that_fits_a_parameter_applies_to_its_learning_rate():
    model = nn.ModuleDict({"a": nn.ModuleDict({"b": nn.Linear(2, 2)}), "c": nn.Linear(2, 2)})
    model["a"]["d"] = nn.Linear(2, 2)
    config = OptimConfig(lr=0.5, weight_decay=0.1, lr_factors={"a": 0.25, "a.d": 2.0})
    optimizer = build_optimizer(model, config)
    schedule = ScheduleConfig(warmup_steps=10)
    lr = set_learning_rate(optimizer, TrainConfig(optim=config, schedule=schedule), 5, 100)
    assert lr == 0.25
    names = {id(p): name for name, p in model.named_parameters()}
    rates = {
        names[id(p)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert rates == {
        "a.b.weight": (0.0625, 0.1),
        "a.b.bias": (0.0625, 0.0),
        "c.weight": (0.25, 0.1),
        "c.bias": (0.25, 0.0),
        "a.d.weight": (0.5, 0.1),
        "a.d.bias": (0.5, 0.0),
    }
    with pytest.raises(
        InputError, match="`train.optim.lr_factors` contains `b`, but the model has"
    ):
        build_optimizer(model, OptimConfig(lr_factors={"b": 0.5}))


def decayed_names(model):
    """Names of the parameters with weight decay, in the order of the optimizer."""
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, _ = build_optimizer(model, OptimConfig(weight_decay=0.1)).param_groups
    return [names[id(p)] for p in decayed["params"]]


def test_a_router_is_not_decayed_whatever_class_it_has_and_a_name_means_nothing():
    model = nn.Module()
    router = nn.Sequential(nn.Linear(8, 5), nn.Linear(5, 4))
    model.mixture = MoEFeedForward(router, ExpertBank(8, 6, 4, 0.0, loop_kernel))
    model.router = nn.Linear(8, 8)
    model.matrix_bias = nn.Parameter(torch.zeros(3, 2))
    assert decayed_names(model) == [
        "matrix_bias",
        "mixture.experts.w1",
        "mixture.experts.w2",
        "router.weight",
    ]


def test_a_module_says_which_of_its_matrices_are_not_decayed():
    class Gate(nn.Linear):
        def no_weight_decay(self):
            return [self.weight]

    assert decayed_names(nn.Sequential(Gate(2, 2), nn.Linear(2, 2))) == ["1.weight"]


def test_a_shared_parameter_is_in_one_group_once():
    first, second, gate = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    model = nn.ModuleDict({"first": first, "second": second, "gate": gate})
    model["layer"] = MoEFeedForward(gate, ExpertBank(2, 3, 2, 0.0, loop_kernel))
    assert decayed_names(model) == ["first.weight", "layer.experts.w1", "layer.experts.w2"]


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_steps_are_those_of_the_papers(name):
    """Algorithm 2 of arXiv 1711.05101: decay in the gradient (adam), or of the weights (adamw)."""
    lr, decay, (beta1, beta2), eps = 0.1, 0.3, (0.5, 0.75), 1e-8
    model = torch.nn.Linear(1, 1, bias=False).double()
    weight = model.weight.item()
    config = OptimConfig(name=name, lr=lr, weight_decay=decay, betas=(beta1, beta2))
    optimizer = build_optimizer(model, config)
    first = second = 0.0
    for step, gradient in enumerate([-2.0, 0.5, 1e-7], start=1):
        model.weight.grad = torch.tensor([[gradient]], dtype=torch.float64)
        optimizer.step()
        if name == "adam":
            gradient += decay * weight
        else:
            weight -= lr * decay * weight
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        unbiased = first / (1 - beta1**step), second / (1 - beta2**step)
        weight -= lr * unbiased[0] / (math.sqrt(unbiased[1]) + eps)
        assert model.weight.item() == pytest.approx(weight, rel=1e-12)


def test_a_gradient_near_the_rounding_of_float32_still_moves_its_weight():
    """The step is g / (|g| + 1e-8) times the learning rate."""
    model = torch.nn.Linear(1, 1, bias=False).double()
    weight = model.weight.item()
    model.weight.grad = torch.tensor([[1e-6]], dtype=torch.float64)
    build_optimizer(model, OptimConfig(lr=0.1)).step()
    assert weight - model.weight.item() == pytest.approx(0.1 * 1e-6 / (1e-6 + 1e-8), rel=1e-9)
