"""The picture of expert usage."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.moe.stats import LayerUsage
from moeasr.report.heat_map import check_matplotlib, draw_expert_usage


def test_colours_tell_starved_balanced_and_overloaded_apart(tmp_path):
    image = pytest.importorskip("matplotlib.image")

    def colours(load):
        """Red and blue pixels, the colour bar at the right edge left out."""
        path = tmp_path / "map.png"
        draw_expert_usage([LayerUsage("encoder.blocks.0.feed_forward", load, 1)], "title", path)
        pixels = image.imread(path)[..., :3]
        red, _, blue = pixels[:, : pixels.shape[1] * 3 // 4].transpose(2, 0, 1)
        return (red - blue > 0.3).sum(), (blue - red > 0.3).sum()

    assert colours(torch.tensor([10, 10, 10, 10])) == (0, 0)
    red, blue = colours(torch.tensor([30, 1, 1, 8]))
    assert red > 1000 and blue == pytest.approx(2 * red, rel=0.1)


def test_layers_may_have_different_numbers_of_experts(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    few = LayerUsage("encoder.blocks.0.feed_forward", torch.tensor([5, 5]), 1)
    many = LayerUsage("decoder.blocks.0.feed_forward", torch.tensor([5, 0, 5, 5, 5, 5]), 1)
    draw_expert_usage([few, many], "title", tmp_path / "map.png")
    assert image.imread(tmp_path / "map.png").std() > 0.05  # something is on it


def test_a_missing_matplotlib_is_one_sentence(monkeypatch):
    check_matplotlib()
    monkeypatch.setattr("moeasr.report.heat_map.find_spec", lambda name: None)
    with pytest.raises(InputError, match="^plots need matplotlib: pip install matplotlib$"):
        check_matplotlib()
