"""Conversion of WeNet's weights to ours and back."""

from pathlib import Path

import pytest
import torch
from rounding import assert_close

from moeasr.errors import InputError
from moeasr.interop.wenet.import_model import read_wenet
from moeasr.interop.wenet.settings import read_settings
from moeasr.interop.wenet.weights import CMVN, to_ours, to_theirs

GOLDEN = Path(__file__).parents[1] / "golden" / "u2pp_moe"


@pytest.fixture
def model():
    return read_wenet(GOLDEN).model


@pytest.fixture
def settings():
    return read_settings(GOLDEN / "train.yaml")


def test_weights_survive_the_way_out_and_in(model, settings):
    theirs = to_theirs(model)
    wenets = torch.load(GOLDEN / "final.pt", weights_only=True)
    assert theirs.keys() >= wenets.keys() - {"encoder.embed.pos_enc.pe"}
    assert torch.equal(theirs[CMVN["cmvn.mean"]], model.cmvn.mean)
    ours = to_ours(theirs, settings, model.state_dict(), "final.pt")
    assert ours.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert_close(ours[name], tensor, 2, tensor.abs(), name=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("ctc.ctc_lo.bias"), "final.pt lacks weights: ctc.ctc_lo.bias$"),
        (lambda s: s.update(x=torch.zeros(1)), "final.pt has unknown weights: x$"),
        (
            lambda s: s.update({"ctc.ctc_lo.bias": torch.zeros(3)}),
            r"'ctc.ctc_lo.bias' has shape \(3,\), but according to train.yaml, 'ctc",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(model, settings, change, message):
    theirs = to_theirs(model)
    change(theirs)
    with pytest.raises(InputError, match=message):
        to_ours(theirs, settings, model.state_dict(), "final.pt")


def test_experts_are_stacked_in_their_order(model):
    theirs = to_theirs(model)
    stacked = model.state_dict()["encoder.blocks.0.feed_forward.experts.w1"]
    for number, expert in enumerate(stacked):
        name = f"encoder.encoders.0.feed_forward.experts.{number}.w_1.weight"
        assert torch.equal(theirs[name], expert)
