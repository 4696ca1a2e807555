"""Schedules of a loss weight."""

import pytest
import torch
from systems import BATCH, make_system

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.weight_schedule import weight_at

POINTS = ((10.0, 1.0), (20.0, 0.5), (60.0, 0.3))


@pytest.mark.parametrize(
    ("step", "weight"),
    [(1, 1.0), (10, 1.0), (15, 0.75), (20, 0.5), (30, 0.45), (60, 0.3), (1000, 0.3)],
)
def test_weights_are_interpolated_between_points_and_constant_outside(step, weight):
    assert weight_at(step, POINTS) == pytest.approx(weight, rel=1e-12)


def test_training_uses_the_weight_of_the_step_and_evaluation_the_last_one():
    torch.manual_seed(0)
    model = make_system("dense", ctc_weight_schedule=POINTS, ctc_weight=0.3, reverse_weight=0.0)
    model.max_chunk_size = None
    for step, weight in ((15, 0.75), (60, 0.3), (20, 0.5)):
        model.train().start_step(step)
        output = model(*BATCH)
        stats = output.stats
        expected = weight * stats["loss_ctc"] + (1 - weight) * stats["loss_att"]
        torch.testing.assert_close(output.loss.detach(), expected, rtol=0, atol=1e-12)
        evaluated = model.eval()(*BATCH)
        expected = 0.3 * stats["loss_ctc"] + 0.7 * stats["loss_att"]
        torch.testing.assert_close(evaluated.loss.detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (((0, 1.0), (10,)), r"must be a list of pairs \[step, weight\]"),
        (((10, 1.0), (10, 0.3)), r"steps of `ctc_weight_schedule` .* are \[10, 10\]"),
        (((-1, 1.0), (10, 0.3)), "must be 0 or more and ascend"),
        (((float("nan"), 1.0), (10, 0.3)), "must be 0 or more and ascend"),
        (((0, 1.0), (float("inf"), 0.3)), "must be 0 or more and ascend"),
        (((0, 1.5), (10, 0.3)), "weight` must be between 0 and 1, but is 1.5"),
        (((0, 1.0), (10, 0.4)), "last weight of `ctc_weight_schedule` must be 0.3"),
    ],
)
def test_wrong_schedules_are_refused(points, sentence):
    with pytest.raises(InputError, match=sentence):
        ModelConfig(ctc_weight_schedule=points)


def test_a_schedule_needs_both_losses():
    without = DecoderConfig(num_blocks=0, num_reverse_blocks=0)
    settings = {"ctc_weight": 1.0, "reverse_weight": 0.0, "decoder": without}
    with pytest.raises(InputError, match="`ctc_weight_schedule` needs a `ctc_weight` above 0 and"):
        ModelConfig(ctc_weight_schedule=((0, 0.5), (9, 1.0)), **settings)
