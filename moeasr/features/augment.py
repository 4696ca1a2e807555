"""SpecAugment: masks over the time and frequency of features."""

from dataclasses import dataclass

import torch

from moeasr.ranges import check_fraction, check_size


@dataclass(frozen=True, kw_only=True)
class SpecAugmentConfig:
    """Settings of SpecAugment (arXiv 1904.08779, section 2), without time warping."""

    num_time_masks: int = 2
    """Number of time masks per utterance (m_T in the paper)."""
    max_time_frames: int = 40
    """Maximum width of a time mask, frames (T in the paper)."""
    max_time_fraction: float = 0.2
    """Maximum width of a time mask as a fraction of the utterance, 0 to 1 (p in the paper)."""
    num_freq_masks: int = 2
    """Number of frequency masks per utterance (m_F in the paper)."""
    max_freq_bins: int = 20
    """Maximum width of a frequency mask, bins (F in the paper)."""
    first_epoch: int = 0
    """First epoch with masks; training counts epochs from 1. On small corpora (an hour of speech),
    CTC leaves its all-blank plateau sooner if it first sees unmasked utterances."""

    def __post_init__(self) -> None:
        """Check the ranges of the fields.

        Raises:
            InputError: A value is out of range.
        """
        sizes = ("num_time_masks", "max_time_frames", "num_freq_masks", "max_freq_bins")
        for name in (*sizes, "first_epoch"):
            check_size(name, getattr(self, name), minimum=0)
        check_fraction("max_time_fraction", self.max_time_fraction)


def spec_augment(
    feats: torch.Tensor, config: SpecAugmentConfig, generator: torch.Generator, fill: torch.Tensor
) -> torch.Tensor:
    """Mask random intervals of time and frequency (section 2 of arXiv 1904.08779).

    In an utterance of tau frames, the width t of a time mask is uniform on
    0..min(T, floor(p tau)), and its start is uniform on 0..tau - t. Frequency masks are drawn in
    the same way, without the bound p.

    Args:
        feats: (T, F) features.
        config: Numbers and widths of the masks.
        generator: Random number generator.
        fill: (F,) value of a masked cell. The corpus mean becomes 0 after CMVN.

    Returns:
        (T, F) masked features, a new tensor.
    """
    num_frames, num_bins = feats.shape
    masked = torch.zeros(num_frames, num_bins, dtype=torch.bool)
    max_frames = min(config.max_time_frames, int(config.max_time_fraction * num_frames))
    for _ in range(config.num_time_masks):
        start, end = _random_span(num_frames, max_frames, generator)
        masked[start:end] = True
    for _ in range(config.num_freq_masks):
        start, end = _random_span(num_bins, min(config.max_freq_bins, num_bins), generator)
        masked[:, start:end] = True
    return torch.where(masked, fill.to(feats.dtype), feats)


def _random_span(length: int, max_width: int, generator: torch.Generator) -> tuple[int, int]:
    """Return start and end of a random span of 0..max_width cells within `length` cells."""
    width = int(torch.randint(max_width + 1, (1,), generator=generator))
    start = int(torch.randint(length - width + 1, (1,), generator=generator))
    return start, start + width
