"""Expert usage computed by hand, as lines, as a page and as a record."""

import json
import math

import numpy as np
import pytest
import torch

from moeasr.moe.stats import LayerUsage
from moeasr.report.usage_table import (
    summarize,
    usage_lines,
    usage_page,
    usage_record,
    write_usage,
)

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
    assert summary == "all layers (2): mean CV 0.462, 2 of 6 experts dead"


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


def test_files_hold_what_was_measured_and_how(tmp_path):
    facts = {"checkpoint": "exp/moe/averaged.pt", "set": "dev", "num_utts": 3}
    write_usage(LAYERS, facts, tmp_path / "out", plot=False)
    assert json.loads((tmp_path / "out" / "expert_usage.json").read_text()) == {
        **facts,
        **summarize(LAYERS),
        "layers": [usage_record(layer) for layer in LAYERS],
    }
    page = (tmp_path / "out" / "expert_usage.md").read_text()
    assert page == usage_page(LAYERS, facts, None)
    names = ["expert_usage.json", "expert_usage.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_the_picture_shows_shares_dead_experts_and_imbalance(tmp_path, monkeypatch):
    """The values are read from matplotlib's figure before it is saved."""
    figures = []
    figure_class = pytest.importorskip("matplotlib.figure").Figure
    monkeypatch.setattr(
        figure_class,
        "savefig",
        lambda figure, path, **_: (figures.append(figure), path.write_bytes(b"PNG")),
    )
    write_usage(LAYERS, {"checkpoint": "exp/moe/averaged.pt", "set": "dev"}, tmp_path, plot=True)
    (figure,) = figures
    assert (tmp_path / "expert_usage.png").read_bytes() == b"PNG"
    assert "](expert_usage.png)" in (tmp_path / "expert_usage.md").read_text()
    assert figure.get_suptitle().splitlines()[0] == "moe/averaged.pt on dev"
    heat, bars, scale = figure.axes
    shares = np.ma.filled(heat.images[0].get_array(), np.nan)  # times E; the second layer has two
    wanted = [[2.0, 0.0, 1.84, 0.16], [1.0, 1.0, np.nan, np.nan]]
    np.testing.assert_allclose(shares, wanted, atol=1e-6)
    assert heat.images[0].get_clim() == (0.25, 4.0)  # even on both sides of 1
    assert heat.collections[0].get_offsets().tolist() == [[1.0, 0.0], [3.0, 0.0]]  # crosses
    assert [label.get_text() for label in heat.get_yticklabels()] == [
        *("decoder 0 feed forward", "encoder 0 feed forward")
    ]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([CV, 0.0])
    assert [label.get_text() for label in scale.get_yticklabels()] == ["1/4", "1/2", "1", "2", "4"]
