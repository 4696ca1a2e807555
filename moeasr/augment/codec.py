"""Telephone speech: a low sample rate and 8-bit mu-law samples."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from moeasr.audio.bounds import check_new_rate
from moeasr.audio.resampling import resample_waveform
from moeasr.augment.augmentation import (
    Augmentation,
    AugmentationConfig,
    Speech,
    SpeechSet,
)

MU = 255


@dataclass(frozen=True, kw_only=True)
class CodecConfig(AugmentationConfig):
    """The sound of a telephone line."""

    needs_audio: ClassVar[str] = "a codec changes samples"

    type: Literal["codec"] = "codec"
    sample_rate_hz: int = 8000
    """Sample rate of the line, Hz. A rate that is not below that of the features leaves all
    frequencies."""
    mu_law: bool = True
    """True to store samples in 8 bits by the mu-law."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        check_new_rate(self.sample_rate_hz)

    def build(self, speech: SpeechSet) -> "Codec":
        """Build the augmentation, see `AugmentationConfig`."""
        return Codec(self, speech.rate_hz)


class Codec(Augmentation):
    """An augmentation that sends the utterance over a telephone line and back.

    Args:
        config: Its settings.
        rate_hz: Sample rate of the utterances, Hz.
    """

    def __init__(self, config: CodecConfig, rate_hz: int) -> None:
        self._config = config
        self._rate_hz = rate_hz

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        rate_hz = min(self._config.sample_rate_hz, self._rate_hz)
        narrow = resample_waveform(speech.signal, self._rate_hz, rate_hz)
        if self._config.mu_law:
            narrow = through_mu_law(narrow)
        wide = resample_waveform(narrow, rate_hz, self._rate_hz)
        return replace(speech, signal=wide[: speech.signal.numel()].clone())


def through_mu_law(samples: Tensor) -> Tensor:
    """Round samples to the 256 values of the mu-law.

    Samples x become `sign(x) ln(1 + mu |x|) / ln(1 + mu)` with mu = 255, of which 256 equally
    spaced values in [-1, 1] are distinguished, and are expanded again.

    Args:
        samples: (S,) samples, which are clipped to [-1, 1].
    """
    clipped = samples.clamp(-1.0, 1.0)
    compressed = clipped.sign() * (MU * clipped.abs()).log1p() / math.log1p(MU)
    rounded = ((compressed + 1) * MU / 2).round() * 2 / MU - 1
    return rounded.sign() * ((1.0 + MU) ** rounded.abs() - 1) / MU
