"""Sums over the parts of a model, of uses with known weights."""

from fractions import Fraction

import torch

from moeasr.models.part_cost import PARTS, PartCost, Use, cost_record, sum_of, tally

SHARED, ROUTER, EXPERTS = (torch.zeros(size) for size in (10, 4, 80))
USES = [
    Use("CTC head", [torch.zeros(3)], 30),
    Use("attention", [SHARED], 100),
    Use("router", [ROUTER], 0, uncounted="Own"),
    Use("feed-forward", [EXPERTS], 40, Fraction(2, 8)),
    Use("attention", [SHARED], 100),  # another block with the same weights
    Use("router", [ROUTER], 0, uncounted="Own"),
]


def test_work_counts_each_time_and_a_tensor_once():
    assert tally(USES, 2.0) == [
        PartCost("attention", 10, 10, 100.0),
        PartCost("feed-forward", 80, 20, 20.0),
        PartCost("router", 4, 4, 0.0, ("Own",)),
        PartCost("CTC head", 3, 3, 15.0),
    ]


def test_a_tensor_belongs_to_the_first_part_that_uses_it():
    first, second = tally([Use("decoder", [SHARED], 1), Use("reverse decoder", [SHARED], 2)], 1.0)
    assert (first.total_params, second.total_params) == (10, 0)
    assert (first.macs_per_sec, second.macs_per_sec) == (1.0, 2.0)


def test_a_sum_is_over_the_parts_that_are_asked_for():
    costs = tally(USES, 2.0)
    assert sum_of(costs, "some", ("attention", "router")) == ("some", 14, 14, 100.0, ("Own",))
    assert sum_of(costs, "all") == ("all", 97, 37, 135.0, ("Own",))
    assert [cost.part for cost in costs] == [
        part for part in PARTS if part in {u.part for u in USES}
    ]


def test_a_record_holds_the_sums_of_model_and_encoder():
    record = cost_record(tally(USES, 2.0))
    assert (record["total_params"], record["encoder_total_params"]) == (97, 94)
    assert (record["active_params"], record["encoder_active_params"]) == (37, 34)
    assert (record["macs_per_audio_sec"], record["encoder_macs_per_audio_sec"]) == (135, 120)
    assert record["uncounted"] == ["Own"]
    assert record["parts"][1] == {
        "part": "feed-forward",
        "total_params": 80,
        "active_params": 20,
        "macs_per_audio_sec": 20,
        "uncounted": [],
    }
