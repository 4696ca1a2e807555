"""Additive noise: recordings of a directory, or noise that is computed."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from torch import Tensor

from moeasr.augment.augmentation import (
    Augmentation,
    AugmentationConfig,
    Speech,
    SpeechSet,
    check_interval,
    draw_between,
)
from moeasr.augment.made_noise import MADE_NOISES
from moeasr.augment.mixing import mix_at_snr
from moeasr.augment.sounds import Sounds, open_sounds
from moeasr.config import OneOf
from moeasr.errors import InputError

MADE = "made"
"""Value of `source` for sounds that are computed."""


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(AugmentationConfig):
    """Additive noise or music at a random signal-to-noise ratio."""

    needs_audio: ClassVar[str] = "noise is added to samples"

    type: Literal["noise"] = "noise"
    source: str = MADE
    """Source of the noise: `made` for computed noise; a directory with audio files, such as
    `musan/noise`, `musan/music`, `musan` or `RIRS_NOISES`; or a Kaldi data directory."""
    kinds: tuple[Annotated[str, OneOf(MADE_NOISES)], ...] = ("white", "pink", "hum")
    """Kinds of computed noise, from which one is drawn for each utterance."""
    snr_db: tuple[float, ...] = (5.0, 20.0)
    """Lowest and highest ratio of the powers of utterance and noise, dB."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        check_interval("snr_db", self.snr_db)
        if not self.kinds:
            raise InputError(f"`kinds` must contain at least one of {', '.join(MADE_NOISES)}")

    def build(self, speech: SpeechSet) -> "AdditiveNoise":
        """Build the augmentation, see `AugmentationConfig`."""
        made = self.source == MADE
        sounds = None if made else open_sounds(self.source, "noise", speech.rate_hz)
        return AdditiveNoise(self, speech.rate_hz, sounds)


class AdditiveNoise(Augmentation):
    """An augmentation that adds one noise to the whole utterance.

    Args:
        config: Its settings.
        rate_hz: Sample rate of the utterances, Hz.
        sounds: The recordings of noise; None for computed noise.
    """

    def __init__(self, config: NoiseConfig, rate_hz: int, sounds: Sounds | None) -> None:
        self._config = config
        self._rate_hz = rate_hz
        self._sounds = sounds

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        snr_db = draw_between(self._config.snr_db, rng)
        noise = self._draw(speech.signal.numel(), rng)
        return replace(speech, signal=mix_at_snr(speech.signal, noise, snr_db))

    def _draw(self, num_samples: int, rng: np.random.Generator) -> Tensor:
        if self._sounds is not None:
            return self._sounds.excerpt(num_samples, rng)
        kind = self._config.kinds[int(rng.integers(len(self._config.kinds)))]
        return MADE_NOISES[kind](num_samples, self._rate_hz, rng)
