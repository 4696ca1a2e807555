"""Babble: several people who talk in the background."""

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
from moeasr.augment.mixing import fit_length, mix_at_snr, power
from moeasr.augment.sounds import Sounds, open_sounds
from moeasr.errors import InputError

MAX_TALKERS = 100
SET = "set"
"""Value of `source` for the utterances of the set itself."""


@dataclass(frozen=True, kw_only=True)
class BabbleConfig(AugmentationConfig):
    """Talkers in the background, equally loud, at a random signal-to-noise ratio."""

    needs_audio: ClassVar[str] = "babble is added to samples"

    type: Literal["babble"] = "babble"
    source: str = SET
    """Source of the talkers: `set` for other utterances of the set that is augmented; a directory
    with audio files, such as `musan/speech` or `musan`; or a Kaldi data directory."""
    talkers: tuple[int, ...] = (3, 7)
    """Lowest and highest number of talkers."""
    snr_db: tuple[float, ...] = (10.0, 20.0)
    """Lowest and highest ratio of the powers of utterance and babble, dB."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        check_interval("talkers", self.talkers, 1, MAX_TALKERS)
        check_interval("snr_db", self.snr_db)

    def build(self, speech: SpeechSet) -> "Babble":
        """Build the augmentation, see `AugmentationConfig`."""
        if self.source != SET:
            return Babble(self, speech, open_sounds(self.source, "speech", speech.rate_hz))
        if len(speech.lengths_sec) < 2:
            raise InputError(
                "`source: set` needs at least two utterances, but the set has "
                f"{len(speech.lengths_sec)}"
            )
        return Babble(self, speech, None)


class Babble(Augmentation):
    """An augmentation that adds the voices of several talkers.

    Args:
        config: Its settings.
        speech: The set of utterances that is augmented.
        sounds: Recordings of speech; None to take the other utterances of `speech`.
    """

    def __init__(self, config: BabbleConfig, speech: SpeechSet, sounds: Sounds | None) -> None:
        self._config = config
        self._speech = speech
        self._sounds = sounds

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        snr_db = draw_between(self._config.snr_db, rng)
        low, high = self._config.talkers
        babble = torch.zeros_like(speech.signal)
        for _ in range(int(rng.integers(low, high + 1))):
            voice = self._draw(speech, rng)
            if power(voice) > 0:
                babble += voice / power(voice) ** 0.5
        return replace(speech, signal=mix_at_snr(speech.signal, babble, snr_db))

    def _draw(self, speech: Speech, rng: np.random.Generator) -> Tensor:
        """Return the voice of a talker, as long as the utterance."""
        num_samples = speech.signal.numel()
        if self._sounds is not None:
            return self._sounds.excerpt(num_samples, rng)
        other = int(rng.integers(len(self._speech.lengths_sec) - 1))
        other += other >= speech.index  # never the utterance itself
        voice = self._speech.read(other).signal
        return fit_length(voice.roll(int(rng.integers(voice.numel()))), num_samples, rng)
