"""Global mean and variance."""

import json
from pathlib import Path

import pytest
import torch
from rounding import assert_close

from moeasr.errors import InputError
from moeasr.features.cmvn import CmvnStats


def utterances() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [10 + 3 * torch.randn(n, 4, generator=generator) for n in (7, 1, 50)]


def test_mean_and_deviation_are_those_of_all_frames() -> None:
    stats = CmvnStats.empty(4)
    for feats in utterances():
        stats = stats.accumulate(feats)
    frames = torch.cat(utterances()).double().numpy()
    mean, istd = stats.mean_istd()
    assert stats.frame_num == 58
    assert mean.dtype == istd.dtype == torch.float32
    for found, expected in ((mean, frames.mean(0)), (istd, 1 / frames.std(0))):
        expected = torch.from_numpy(expected)
        assert_close(found, expected, 1, expected.abs())  # float64, rounded once


def test_merging_in_any_grouping_gives_the_same() -> None:
    first, second, third = (CmvnStats.of(feats) for feats in utterances())
    one = first.merge([second, third])
    other = CmvnStats.empty(4).merge([third.merge([second]), first])
    assert one.frame_num == other.frame_num
    torch.testing.assert_close(one.mean_stat, other.mean_stat, rtol=1e-12, atol=0)
    torch.testing.assert_close(one.var_stat, other.var_stat, rtol=1e-12, atol=0)


def test_a_small_variance_far_from_zero_survives_many_frames() -> None:
    """With float32 sums over 1e6 frames around 1000, the variance would be lost."""
    feats = torch.tensor([[999.5], [1000.5]]).repeat(500_000, 1)
    mean, istd = CmvnStats.of(feats).mean_istd()
    assert_close(mean, torch.tensor([1000.0]), 1)
    assert_close(istd, torch.tensor([2.0]), 1)


def test_a_nearly_constant_bin_is_not_scaled_up() -> None:
    """A standard deviation below 0.01 is raised to 0.01; a larger one is not changed."""
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    feats = -15.0 + signs * torch.tensor([0.0, 0.005, 0.02], dtype=torch.float64)
    mean, istd = CmvnStats.of(feats).mean_istd()
    assert mean.tolist() == pytest.approx([-15.0] * 3)
    assert istd.tolist() == pytest.approx([100.0, 100.0, 50.0])


def test_the_file_is_wenets_and_comes_back(tmp_path: Path) -> None:
    stats = CmvnStats.of(utterances()[0])
    path = tmp_path / "global_cmvn"
    path.write_text("an old one")
    with path.open() as old:
        stats.save(path)
        assert old.read() == "an old one", "who reads it meanwhile gets all of the old file"
    content = json.loads(path.read_text())
    assert sorted(content) == ["frame_num", "mean_stat", "var_stat"]
    assert content["frame_num"] == 7
    loaded = CmvnStats.load(path)
    assert torch.equal(loaded.mean_stat, stats.mean_stat)
    assert torch.equal(loaded.var_stat, stats.var_stat)


def test_wenets_file_gives_wenets_numbers(tmp_path: Path) -> None:
    path = tmp_path / "global_cmvn"
    path.write_text('{"mean_stat": [20.0, 0.0], "var_stat": [250.0, 10.0], "frame_num": 10}')
    mean, istd = CmvnStats.load(path).mean_istd()
    assert mean.tolist() == [2.0, 0.0]
    assert istd.tolist() == pytest.approx([1 / 21**0.5, 1.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "is not JSON with mean_stat"),
        ('{"mean_stat": [1.0], "frame_num": 1}', "is not JSON with .* 'var_stat'"),
        ('{"mean_stat": [1.0], "var_stat": [1.0, 2.0], "frame_num": 1}', "has 1 .* var_stat 2"),
        ('{"mean_stat": [NaN], "var_stat": [1.0], "frame_num": 1}', "not finite"),
        ('{"mean_stat": [1.0], "var_stat": [1.0], "frame_num": 1e999}', "is not JSON with"),
        ("[" * 100_000, "is not JSON with"),
        ("[1, 2]", "is not JSON with"),
        ("\xff\x00", "is not JSON with"),
        ('{"mean_stat": [1e999], "var_stat": [1.0], "frame_num": 1}', "not finite"),
        ('{"mean_stat": [1.0], "var_stat": [NaN], "frame_num": 1}', "not finite"),
        ('{"mean_stat": [1.0], "var_stat": [1e999], "frame_num": 1}', "not finite"),
        ('{"mean_stat": [], "var_stat": [], "frame_num": 1}', "mean_stat must be a list"),
        ('{"mean_stat": [1.0], "var_stat": [], "frame_num": 1}', "var_stat must be a list"),
        ('{"mean_stat": [[1.0]], "var_stat": [[1.0]], "frame_num": 1}', "mean_stat must be a list"),
        (f'{{"mean_stat": [{10**400}], "var_stat": [1.0], "frame_num": 1}}', "is not JSON with"),
        ('{"mean_stat": ["x"], "var_stat": [1.0], "frame_num": 1}', "is not JSON with"),
        ('{"mean_stat": [[1.0], [1.0, 2.0]], "var_stat": [1.0], "frame_num": 1}', "is not JSON"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "global_cmvn"
    path.write_text(content)
    with pytest.raises(InputError, match=f"{path}.*{message}"):
        CmvnStats.load(path)


def test_a_missing_file_and_missing_frames_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        CmvnStats.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="contain no frames"):
        CmvnStats.empty(3).mean_istd()


def test_statistics_of_other_widths_do_not_merge() -> None:
    with pytest.raises(InputError, match="5 bins cannot be added to CMVN statistics with 4 bins"):
        CmvnStats.empty(4).accumulate(torch.zeros(2, 5))
