"""Random gain: louder and softer utterances."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from moeasr.augment.augmentation import (
    Augmentation,
    AugmentationConfig,
    Speech,
    SpeechSet,
    check_interval,
    draw_between,
)


@dataclass(frozen=True, kw_only=True)
class GainConfig(AugmentationConfig):
    """A random gain, also of stored features."""

    type: Literal["gain"] = "gain"
    gain_db: tuple[float, ...] = (-10.0, 10.0)
    """Lowest and highest gain, dB."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        check_interval("gain_db", self.gain_db)

    def build(self, speech: SpeechSet) -> "Gain":
        """Build the augmentation, see `AugmentationConfig`."""
        return Gain(self)


class Gain(Augmentation):
    """An augmentation that multiplies the samples by a factor.

    Log mel energies increase by the logarithm of its square. Samples may exceed [-1, 1], so a
    positive gain clips nothing.

    Args:
        config: Its settings.
    """

    def __init__(self, config: GainConfig) -> None:
        self._config = config

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        gain_db = draw_between(self._config.gain_db, rng)
        if speech.is_audio:
            return replace(speech, signal=speech.signal * 10 ** (gain_db / 20))
        return replace(speech, signal=speech.signal + math.log(10) * gain_db / 10)
