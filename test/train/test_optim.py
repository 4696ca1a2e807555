"""Parameter groups, and steps against Adam as its authors write it."""

import math

import pytest
import torch

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer


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
        "encoder.blocks.0.final_norm.weight",
        "ctc.project.bias",
    ):
        assert name in plain_names


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
    """By g / (|g| + 1e-8) of the learning rate."""
    model = torch.nn.Linear(1, 1, bias=False).double()
    weight = model.weight.item()
    model.weight.grad = torch.tensor([[1e-6]], dtype=torch.float64)
    build_optimizer(model, OptimConfig(lr=0.1)).step()
    assert weight - model.weight.item() == pytest.approx(0.1 * 1e-6 / (1e-6 + 1e-8), rel=1e-9)
