"""Longer utterances, with silence before and after the speech."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from moeasr.augment.augmentation import (
    Augmentation,
    AugmentationConfig,
    Speech,
    SpeechSet,
    check_interval,
    draw_between,
)
from moeasr.augment.mixing import draw_noise, power

MAX_SEC = 30.0


@dataclass(frozen=True, kw_only=True)
class SilenceConfig(AugmentationConfig):
    """Faint white noise before and after the utterance, which becomes longer."""

    needs_audio: ClassVar[str] = "the features of silence depend on the level of the recording"

    type: Literal["silence"] = "silence"
    leading_sec: tuple[float, ...] = (0.0, 0.5)
    """Shortest and longest silence before the utterance, seconds."""
    trailing_sec: tuple[float, ...] = (0.0, 0.5)
    """Shortest and longest silence after the utterance, seconds."""
    snr_db: tuple[float, ...] = (40.0, 60.0)
    """Lowest and highest ratio of the powers of the utterance and the silence, dB."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        check_interval("leading_sec", self.leading_sec, 0.0, MAX_SEC)
        check_interval("trailing_sec", self.trailing_sec, 0.0, MAX_SEC)
        check_interval("snr_db", self.snr_db)

    def build(self, speech: SpeechSet) -> "Silence":
        """Build the augmentation, see `AugmentationConfig`."""
        return Silence(self, speech.rate_hz)


class Silence(Augmentation):
    """An augmentation that puts an utterance between two silences.

    Args:
        config: Its settings.
        rate_hz: Sample rate of the utterances, Hz.
    """

    def __init__(self, config: SilenceConfig, rate_hz: int) -> None:
        self._config = config
        self._rate_hz = rate_hz

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        level = (power(speech.signal) * 10 ** (-draw_between(self._config.snr_db, rng) / 10)) ** 0.5

        def draw(interval: tuple[float, ...]) -> Tensor:
            return level * draw_noise(round(draw_between(interval, rng) * self._rate_hz), rng)

        before, after = draw(self._config.leading_sec), draw(self._config.trailing_sec)
        return replace(speech, signal=torch.cat([before, speech.signal, after]))
