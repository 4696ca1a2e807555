"""The difference between the outputs of two models."""

import math

import pytest
import torch
from systems import BATCH, decoders, make_system

from moeasr.convert.output_change import Change, measure_change
from moeasr.models.teacher_forced import Inputs

INPUTS = Inputs(*BATCH)


@pytest.fixture
def models():
    """Two models of the same weights."""
    one, other = make_system("dense").eval(), make_system("dense").eval()
    other.load_state_dict(one.state_dict())
    return one, other


def test_equal_models_are_not_apart(models):
    found = measure_change(*models, [INPUTS])
    assert set(found) == {"CTC log-probabilities", "decoder logits", "reverse decoder logits"}
    assert set(found.values()) == {Change(0.0, 0.0)}


def test_a_changed_bias_changes_its_outputs_by_the_same_amount(models):
    one, other = models
    with torch.no_grad():
        decoders(other)["decoder"].project.bias[3] += 0.5
    found = measure_change(one, other, [INPUTS, INPUTS])
    assert found["decoder logits"].largest == pytest.approx(0.5)
    assert found["decoder logits"].mean == pytest.approx(0.5 / 9)  # one of nine units
    assert found["CTC log-probabilities"] == found["reverse decoder logits"] == Change(0.0, 0.0)


def test_an_output_that_is_not_a_number_is_a_change_without_a_size(models):
    one, other = models
    with torch.no_grad():
        decoders(other)["decoder"].project.bias[3] = torch.nan
    for batches in ([INPUTS], [INPUTS, INPUTS]):
        found = measure_change(one, other, batches)["decoder logits"]
        assert math.isnan(found.largest) and math.isnan(found.mean)
