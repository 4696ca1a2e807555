"""SpecAugment and speed perturbation."""

import math

import pytest
import torch
import torchaudio

from moeasr.audio.sample_counts import perturbed_length, resampled_length
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig, perturb_speed, perturb_volume, spec_augment

FILL = torch.arange(80.0)
NO_MASKS = {"num_time_masks": 0, "num_freq_masks": 0}


def augmented(num_frames: int, seed: int, **settings: float) -> torch.Tensor:
    """Which cells of (T, 80) features were replaced by FILL."""
    feats = torch.full((num_frames, 80), -7.0)
    config = SpecAugmentConfig(**{**NO_MASKS, **settings})
    result = spec_augment(feats, config, torch.Generator().manual_seed(seed), FILL)
    assert torch.equal(feats, torch.full((num_frames, 80), -7.0)), "the input was written to"
    masked = result != -7.0
    assert torch.equal(result[masked], FILL.expand(num_frames, 80)[masked])
    return masked


def spans(masked: torch.Tensor) -> list[int]:
    """Widths of the runs of True."""
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


def test_one_frame_or_masks_wider_than_the_bins_are_no_trouble() -> None:
    assert not augmented(1, 0, num_time_masks=2).any()
    augmented(5, 0, num_freq_masks=2, max_freq_bins=500, num_time_masks=1, max_time_fraction=1.0)


@pytest.mark.parametrize(
    "settings", [{"num_time_masks": -1}, {"max_freq_bins": -1}, {"max_time_fraction": 1.5}]
)
def test_a_mask_setting_out_of_range_is_refused(settings: dict) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(settings))}` must be"):
        SpecAugmentConfig(**settings)


def sine(frequency_hz: float, num_samples: int = 16000) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency_hz * torch.arange(num_samples) / 16000)


@pytest.mark.parametrize("factor", [0.9, 1.1, 0.5, 2.0, 1.25, 0.97])
def test_speed_scales_length_and_pitch(factor: float) -> None:
    result = perturb_speed(sine(440.0), 16000, factor)
    assert len(result) == math.ceil(16000 / factor)
    # the same sine, `factor` times as high, away from the filter's edges
    expected = sine(440.0 * factor, len(result))
    torch.testing.assert_close(result[200:-200], expected[200:-200], atol=2e-3, rtol=0)


def test_speed_one_is_the_waveform_itself() -> None:
    waveform = torch.randn(1001, generator=torch.Generator().manual_seed(0))
    assert torch.equal(perturb_speed(waveform, 16000, 1.0), waveform)


def test_what_would_rise_above_half_the_rate_is_filtered_out() -> None:
    """7.8 kHz at speed 1.1 would be 8.6 kHz, and fold back to 7.4 kHz without a filter."""
    assert perturb_speed(sine(7800.0), 16000, 1.1)[200:-200].abs().max() < 0.02


@pytest.mark.parametrize(
    "factor", [0.0, -1.0, 1e-9, 0.001, 999.999, 1e9, float("nan"), float("inf")]
)
def test_a_speed_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="speed factor must be 0.1 to 10, but is"):
        perturb_speed(sine(440.0), 16000, factor)


def test_what_is_too_loud_is_cut_to_the_range_of_16_bits() -> None:
    samples = torch.tensor([-32768, -20000, -16384, -1, 0, 1, 16383, 16384, 32767]) / 32768
    louder = perturb_volume(samples, 2.0) * 32768
    assert louder.tolist() == [-32768, -32768, -32768, -2, 0, 2, 32766, 32767, 32767]
    upside_down = perturb_volume(samples, -1.0) * 32768
    assert upside_down.tolist() == [32767, 20000, 16384, 1, 0, -1, -16383, -16384, -32767]


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_volume_that_is_no_number_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="volume factor must be a finite number, but is"):
        perturb_volume(sine(440.0), factor)


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.05, 0.8333, 1.0])
@pytest.mark.parametrize("rate_hz", [16000, 8000, 11025])
def test_lengths_are_known_without_computing(factor: float, rate_hz: int) -> None:
    for num_samples in (1, 2, 9, 10, 11, 100, 999, 12345, 16000):
        waveform = torch.zeros(num_samples)
        changed = perturb_speed(waveform, rate_hz, factor)
        assert perturbed_length(num_samples, rate_hz, factor) == len(changed)
        resampled = torchaudio.functional.resample(waveform, rate_hz, 16000)
        assert resampled_length(num_samples, rate_hz, 16000) == len(resampled)


@pytest.mark.parametrize("num_samples", [2**24 + 1, 2**24 + 3, 19_000_003])
def test_lengths_that_float32_cannot_count_are_torchaudios(num_samples: int) -> None:
    changed = perturb_speed(torch.zeros(num_samples), 16000, 0.9)
    assert perturbed_length(num_samples, 16000, 0.9) == len(changed)


def test_lengths_of_hours_end_where_the_filter_does() -> None:
    """What `perturb_speed` was seen to give; to see it again takes gigabytes."""
    assert perturbed_length(251_658_245, 16000, 0.9) == 279_620_280
