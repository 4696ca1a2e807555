"""SpecAugment."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig, spec_augment

FILL = torch.arange(80.0)
NO_MASKS = {"num_time_masks": 0, "num_freq_masks": 0}


def augmented(num_frames: int, seed: int, **settings: float) -> torch.Tensor:
    """Return which cells of (T, 80) features were replaced by FILL."""
    feats = torch.full((num_frames, 80), -7.0)
    config = SpecAugmentConfig(**{**NO_MASKS, **settings})
    result = spec_augment(feats, config, torch.Generator().manual_seed(seed), FILL)
    assert torch.equal(feats, torch.full((num_frames, 80), -7.0)), "the input was written to"
    masked = result != -7.0
    assert torch.equal(result[masked], FILL.expand(num_frames, 80)[masked])
    return masked


def spans(masked: torch.Tensor) -> list[int]:
    """Return the widths of the runs of True."""
    text = "".join("x" if cell else " " for cell in masked.tolist())
    return [len(run) for run in text.split()]


def test_without_masks_nothing_changes() -> None:
    assert not augmented(50, 0).any()


def test_a_time_mask_covers_whole_frames_and_keeps_its_bounds() -> None:
    widths = []
    for seed in range(300):
        masked = augmented(100, seed, num_time_masks=1, max_time_frames=12, max_time_fraction=1.0)
        assert torch.equal(masked.any(1), masked.all(1))
        widths += spans(masked.all(1)) or [0]
    assert len(widths) == 300
    assert set(widths) == set(range(13)), "every width of 0..12 is drawn, and no other"


def test_a_time_mask_is_bounded_by_its_part_of_a_short_utterance() -> None:
    settings = {"num_time_masks": 1, "max_time_frames": 40, "max_time_fraction": 0.2}
    widths = [sum(spans(augmented(15, seed, **settings).all(1))) for seed in range(100)]
    assert set(widths) == {0, 1, 2, 3}


def test_a_frequency_mask_covers_whole_bins_and_keeps_its_bounds() -> None:
    widths, touched = set(), torch.zeros(80, dtype=torch.bool)
    for seed in range(300):
        masked = augmented(9, seed, num_freq_masks=1, max_freq_bins=10)
        assert torch.equal(masked.any(0), masked.all(0))
        widths.add(sum(spans(masked.all(0))))
        touched |= masked.any(0)
    assert widths == set(range(11))
    assert touched.all(), "the lowest and highest bins are masked as well"


def test_several_masks_of_each_kind() -> None:
    settings = {"num_time_masks": 3, "num_freq_masks": 2, "max_time_fraction": 0.1}
    masked = [augmented(400, seed, **settings) for seed in range(50)]
    assert max(len(spans(cells.all(1))) for cells in masked) == 3
    assert max(len(spans(cells.all(0))) for cells in masked) == 2


def test_the_same_generator_gives_the_same_masks() -> None:
    settings = {"num_time_masks": 2, "num_freq_masks": 2}
    assert torch.equal(augmented(200, 3, **settings), augmented(200, 3, **settings))
    assert not torch.equal(augmented(200, 3, **settings), augmented(200, 4, **settings))


def test_one_frame_or_masks_wider_than_the_bins_are_allowed() -> None:
    assert not augmented(1, 0, num_time_masks=2).any()
    augmented(5, 0, num_freq_masks=2, max_freq_bins=500, num_time_masks=1, max_time_fraction=1.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"num_time_masks": -1},
        {"num_freq_masks": 10**12},
        {"max_time_fraction": 1.5},
        {"first_epoch": -1},
    ],
)
def test_a_mask_setting_out_of_range_is_refused(settings: dict) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(settings))}` must be"):
        SpecAugmentConfig(**settings)
