"""Plots of an utterance: their kinds, and the attention weights behind them."""

import dataclasses

import pytest
import torch
from experiments import DENSE, UNITS

from moeasr.models.build import build_model
from moeasr.models.teacher_forced import Inputs
from moeasr.moe.layer import MoeConfig
from moeasr.report.utterance_plots import attend, utterance_figures

INPUTS = Inputs(
    torch.randn(1, 60, 20, generator=torch.Generator().manual_seed(4)),
    torch.tensor([60]),
    torch.tensor([[3, 4, 3]]),
    torch.tensor([3]),
)


def make_model(**changes):
    return build_model(dataclasses.replace(DENSE.model, **changes), 20, len(UNITS)).eval()


def moe_model():
    ff = MoeConfig(hidden_units=8, num_experts=4)
    return make_model(encoder=dataclasses.replace(DENSE.model.encoder, feed_forward=ff))


def test_attention_weights_give_the_output_of_the_attention():
    """Each unit's weights over frames sum to 1; with them, values give what the module returns."""
    model = make_model()
    module = model.decoder.blocks[-1].cross_attention
    module.num_heads = 1  # the mean over heads is then the weights themselves
    seen = []
    module.register_forward_hook(lambda module, args, output: seen.append((args, output)))
    weights, _ = attend(model, INPUTS)
    num_frames = model.output_len(60)
    assert weights.shape == (4, num_frames)
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    (_, memory, _), output = seen[0]
    expected = module.output(weights @ memory.values[0])
    torch.testing.assert_close(expected, output[0], rtol=1e-4, atol=1e-5)
    assert len(module._forward_hooks) == 1  # the hook of `attend` is gone


def test_kinds_of_plots_follow_the_model():
    pytest.importorskip("matplotlib")
    assert set(utterance_figures(make_model(), INPUTS, "aba", "u1")) == {"attention"}
    figures = utterance_figures(moe_model(), INPUTS, "aba", "u1")
    assert set(figures) == {"attention", "experts"}
    labels = [label.get_text() for label in figures["attention"].axes[0].get_yticklabels()]
    assert labels == ["a", "b", "a", "<eos>"]
    decoder = {"num_blocks": 0, "num_reverse_blocks": 0}
    ctc_only = make_model(
        decoder=dataclasses.replace(DENSE.model.decoder, **decoder), ctc_weight=1, reverse_weight=0
    )
    assert utterance_figures(ctc_only, INPUTS, "aba", "u1") == {}


def test_the_experts_of_each_frame_are_shown():
    pytest.importorskip("matplotlib")
    model = moe_model()
    _, routings = attend(model, INPUTS)
    (path,) = routings
    shown = utterance_figures(model, INPUTS, "aba", "u1")["experts"].axes[0].images[0].get_array()
    assert shown.tolist() == [routings[path].expert_ids[:, 0].tolist()]
