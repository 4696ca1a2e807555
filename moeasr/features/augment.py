"""SpecAugment: masks over time and frequency of features."""

from dataclasses import dataclass

import torch

from moeasr.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SpecAugmentConfig:
    """Masks of SpecAugment (arXiv 1904.08779, section 2); no time warping."""

    num_time_masks: int = 2
    """Masks over time per utterance (m_T in the paper)."""
    max_time_frames: int = 40
    """Widest time mask, frames (T in the paper)."""
    max_time_fraction: float = 0.2
    """Widest time mask as a part of the utterance, 0 to 1 (p in the paper)."""
    num_freq_masks: int = 2
    """Masks over frequency per utterance (m_F in the paper)."""
    max_freq_bins: int = 20
    """Widest frequency mask, bins (F in the paper)."""
    first_epoch: int = 0
    """Epoch from which on masks are put; training counts from 1. On an hour of speech CTC leaves
    its all-blank plateau sooner if it first sees whole utterances."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InputError: A value outside its range.
        """
        for name in ("num_time_masks", "max_time_frames", "num_freq_masks", "max_freq_bins"):
            value = getattr(self, name)
            if value < 0:
                raise InputError(f"`{name}` must be 0 or more, but is {value}")
        if not 0 <= self.max_time_fraction <= 1:
            raise InputError(
                f"`max_time_fraction` must be within 0 and 1, but is {self.max_time_fraction}"
            )


def spec_augment(
    feats: torch.Tensor, config: SpecAugmentConfig, generator: torch.Generator, fill: torch.Tensor
) -> torch.Tensor:
    """Cover random stretches of time and bands of frequency (section 2 of arXiv 1904.08779).

    A time mask is t frames wide, t uniform on 0..min(T, floor(p tau)), and begins uniformly on
    0..tau - t, for an utterance of tau frames; frequency masks likewise, without the bound p.

    Args:
        feats: (T, F).
        config: Numbers and widths of masks.
        generator: Source of randomness.
        fill: (F,) value that a masked cell takes: the corpus mean, so that it is 0 after CMVN.

    Returns:
        (T, F), a new tensor.
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
    """A span of 0..max_width cells placed anywhere in `length` cells."""
    width = int(torch.randint(max_width + 1, (1,), generator=generator))
    start = int(torch.randint(length - width + 1, (1,), generator=generator))
    return start, start + width
