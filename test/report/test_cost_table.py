"""Tables of costs that are made up by hand."""

from moeasr.models.part_cost import PartCost
from moeasr.report.cost_table import model_lines, part_lines, uncounted_lines

COSTS = [
    PartCost("attention", 3_000_000, 3_000_000, 5e6),
    PartCost("feed-forward", 40_000_000, 10_000_000, 70e6),
    PartCost("CTC head", 500_000, 500_000, 1e6),
    PartCost("embedding network", 200_000, 200_000, 0.4e6),
    PartCost("decoder", 6_000_000, 4_000_000, 9e6),
    PartCost("reverse decoder", 3_000_000, 2_000_000, 8e6),
]


def test_the_parts_of_a_model_and_their_sums():
    head, rule, *lines = part_lines(COSTS)
    assert head.split() == ["part", "parameters", "active", "per", "frame", "MMAC/s"]
    assert lines[len(COSTS)] == rule == "-" * len(head)
    assert [line.split()[-3:] for line in lines[: len(COSTS)]] == [
        ["3,000,000", "3,000,000", "5.00"],
        ["40,000,000", "10,000,000", "70.00"],
        ["500,000", "500,000", "1.00"],
        ["200,000", "200,000", "0.40"],
        ["6,000,000", "4,000,000", "9.00"],
        ["3,000,000", "2,000,000", "8.00"],
    ]
    assert [line.split() for line in lines[len(COSTS) + 1 :]] == [
        ["encoder", "43,000,000", "13,000,000", "75.00"],
        ["without", "decoders", "43,700,000", "13,700,000", "76.40"],
        ["all", "52,700,000", "19,700,000", "93.40"],
    ]


def test_several_models_have_a_line_each():
    header, line, dense = model_lines({"moe": COSTS, "dense": COSTS[:1]})
    assert header.split()[0] == "model"
    assert line.split() == ["moe", "52.700", "19.700", "43.000", "75.00", "76.40", "93.40"]
    assert dense.split() == ["dense", "3.000", "3.000", "3.000", "5.00", "5.00", "5.00"]


def test_what_is_not_counted_is_named_once_and_marks_every_sum_with_it():
    parts = [
        PartCost("feed-forward", 40_000_000, 10_000_000, 70e6, ("OwnRouter", "Gate")),
        PartCost("CTC head", 500_000, 500_000, 1e6),
        PartCost("decoder", 6_000_000, 4_000_000, 9e6, ("Gate",)),
    ]
    _, _, *lines = part_lines(parts)
    marks = [line.rstrip().rsplit("  ", 1)[1].strip() for line in lines if "000" in line]
    assert marks == ["> 70.00", "1.00", "> 9.00", "> 70.00", "> 71.00", "> 80.00"]
    (sentence,) = uncounted_lines(parts)
    assert sentence.startswith("> The multiply-adds of OwnRouter, Gate are unknown and not")
    assert uncounted_lines(parts[1:2]) == []
