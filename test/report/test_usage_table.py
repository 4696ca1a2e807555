"""Expert usage worked by hand: lines, page and record."""

import math

import pytest
import torch

from moeasr.moe.stats import LayerUsage
from moeasr.report.usage_table import summarize, usage_lines, usage_page, usage_record

LAYERS = [
    LayerUsage("decoder.blocks.0.feed_forward", torch.tensor([50, 0, 46, 4]), 2),
    LayerUsage("encoder.blocks.0.feed_forward", torch.tensor([30, 30]), 1),
]
# squared deviations from 25: 625 + 625 + 441 + 441
CV = math.sqrt(533) / 25
ENTROPY = -(0.5 * math.log(0.5) + 0.46 * math.log(0.46) + 0.04 * math.log(0.04)) / math.log(4)


def test_lines_by_hand():
    header, *lines, summary = usage_lines(LAYERS)
    assert " ".join(header.split()) == "layer frames E K CV max x E dead entropy load %"
    assert [" ".join(line.split()) for line in lines] == [
        "decoder.blocks.0.feed_forward 50 4 2 0.923 2.00 2 0.601 50 0.0 46 4.0",
        "encoder.blocks.0.feed_forward 60 2 1 0.000 1.00 0 1.000 50 50",
    ]
    assert summary == "all 2 layers: mean CV 0.462, 2 of 6 experts dead"


def test_the_page_has_the_same_cells_and_what_made_them():
    page = usage_page(LAYERS, {"checkpoint": "x.pt", "set": "dev"}, "usage.png")
    row = "decoder.blocks.0.feed_forward | 50 | 4 | 2 | 0.923 | 2.00 | 2 | 0.601 | 50 0.0 46 4.0"
    assert f"\n| {row} |\n" in page
    assert "](usage.png)" in page
    assert page.endswith("- checkpoint: x.pt\n- set: dev\n")


def test_records_by_hand():
    assert usage_record(LAYERS[0]) == {
        "name": LAYERS[0].name,
        "num_frames": 50,
        "num_experts": 4,
        "experts_per_frame": 2,
        "load": [50, 0, 46, 4],
        "cv": pytest.approx(CV),
        "max_share_times_num_experts": pytest.approx(2.0),
        "dead_experts": [1, 3],
        "entropy": pytest.approx(ENTROPY),
    }
    assert summarize(LAYERS) == {
        "mean_cv": pytest.approx(CV / 2),
        "num_dead_experts": 2,
        "num_experts": 6,
        "num_layers": 2,
    }
