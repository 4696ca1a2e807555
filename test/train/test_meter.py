"""Running sums."""

import torch

from moeasr.models.outputs import LossOutput
from moeasr.train.meter import ExpertUsage, Meter


def output(loss, weight, load):
    value = torch.tensor(loss)
    return LossOutput(value, torch.tensor(float(weight)), {"loss": value}, {"00": load})


def test_means_are_per_utterance_and_loads_add_up():
    meter = Meter()
    meter.add(output(6.0, 2, torch.tensor([1.0, 3.0])))
    meter.add(output(3.0, 1, torch.tensor([1.0, 1.0])))
    meter.note(lr=0.5)
    assert meter.means() == {"loss": 3.0, "lr": 0.5}
    usage = meter.usage()
    assert usage.shares == {"layer_00/expert_0": 2 / 6, "layer_00/expert_1": 4 / 6}
    assert usage.summary["load_max_share"] == 4 / 6 * 2
    assert usage.summary.keys() == {"load_entropy", "load_max_share", "num_dead_experts"}
    assert usage.describe() == (
        ", 0 of 2 experts dead (below 1/4 of an equal share), the busiest at 1.3 times an equal "
        "share"
    )


def test_state_brings_back_the_same_meter():
    meter = Meter()
    meter.add(output(6.0, 2, torch.tensor([1.0, 3.0])))
    meter.note(lr=0.5)
    again = Meter.from_states([meter.state()], meter.state()["latest"])
    for each in (meter, again):
        each.add(output(3.0, 1, torch.tensor([2.0, 0.0])))
    for each in (meter, again):
        assert each.means() == {"loss": 3.0, "lr": 0.5}
        assert each.usage().shares["layer_00/expert_0"] == 3 / 6


def test_a_model_without_experts_has_no_usage():
    meter = Meter()
    meter.add(LossOutput(torch.tensor(1.0), torch.tensor(1.0), {"loss": torch.tensor(1.0)}, {}))
    assert meter.usage() == ExpertUsage({}, {}, {})
    assert meter.usage().describe() == ""
