"""Reverberation: convolution with the impulse response of a room."""

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
from moeasr.augment.mixing import draw_noise, power, with_power_of
from moeasr.augment.noise import MADE
from moeasr.augment.sounds import Sounds, open_sounds
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.plurals import counted

logger = get_logger(__name__)

FIRST_REFLECTION_SEC = 0.002
"""Time from the direct sound to the reverberation of a computed room."""


@dataclass(frozen=True, kw_only=True)
class ReverbConfig(AugmentationConfig):
    """The echo of a random room. The utterance keeps its length and its power."""

    needs_audio: ClassVar[str] = "the echo of a room is computed from samples"

    type: Literal["reverb"] = "reverb"
    source: str = MADE
    """Source of impulse responses: `made` for computed rooms; a directory with audio files, such as
    `RIRS_NOISES`; or a Kaldi data directory."""
    rt60_sec: tuple[float, ...] = (0.1, 0.6)
    """Lowest and highest time in which the sound of a computed room fades by 60 dB, seconds."""
    direct_db: tuple[float, ...] = (0.0, 15.0)
    """Lowest and highest ratio of the energies of direct and reverberant sound in a computed room,
    dB."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        check_interval("rt60_sec", self.rt60_sec, 0.01, 10.0)
        check_interval("direct_db", self.direct_db)

    def build(self, speech: SpeechSet) -> "Reverb":
        """Build the augmentation, see `AugmentationConfig`."""
        if self.source == MADE:
            return Reverb(self, speech.rate_hz, None)
        sounds = open_sounds(self.source, "rooms", speech.rate_hz)
        longest = sounds.longest()
        length_sec = longest.num_samples / longest.rate_hz
        if length_sec > speech.lengths_sec.max():
            raise InputError(
                f"the impulse response {longest.place.entry} is {length_sec:.2f} s long, longer "
                f"than every utterance (up to {speech.lengths_sec.max():.2f} s); remove it from "
                f"{self.source}"
            )
        num_shorter = int((speech.lengths_sec < length_sec).sum())
        if num_shorter:
            logger.info(
                "reverb: %s shorter than the longest impulse response (%.2f s), so that its end is "
                "cut off there",
                *(counted(num_shorter, "utterance is", "utterances are"), length_sec),
            )
        return Reverb(self, speech.rate_hz, sounds)


class Reverb(Augmentation):
    """An augmentation that moves the utterance into a random room.

    Args:
        config: Its settings.
        rate_hz: Sample rate of the utterances, Hz.
        sounds: Impulse responses; None to compute them.
    """

    def __init__(self, config: ReverbConfig, rate_hz: int, sounds: Sounds | None) -> None:
        self._config = config
        self._rate_hz = rate_hz
        self._sounds = sounds

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        if self._sounds is not None:
            response = self._sounds.read(int(rng.integers(len(self._sounds))))
        else:
            rt60_sec = draw_between(self._config.rt60_sec, rng)
            direct_db = draw_between(self._config.direct_db, rng)
            response = made_response(rt60_sec, direct_db, self._rate_hz, rng)
        return replace(speech, signal=reverberate(speech.signal, response))


def made_response(
    rt60_sec: float, direct_db: float, rate_hz: int, rng: np.random.Generator
) -> Tensor:
    """Return the impulse response of a room that exists only as statistics.

    The reverberation is Gaussian noise that decays exponentially (J. D. Polack, 1988). It has no
    early reflections at particular times.

    Args:
        rt60_sec: Time in which the reverberation fades by 60 dB, seconds.
        direct_db: Ratio of the energy of the direct sound to that of the reverberation, dB.
        rate_hz: Sample rate, Hz.
        rng: Random number generator.

    Returns:
        (K,) samples, of which the first one is the direct sound, 1.
    """
    first = int(FIRST_REFLECTION_SEC * rate_hz)
    num_samples = max(int(rt60_sec * rate_hz), first + 2)
    times = torch.arange(num_samples) / rate_hz
    tail = draw_noise(num_samples, rng) * 10 ** (-3 * times / rt60_sec)
    tail[: first + 1] = 0.0
    energy = power(tail) * num_samples
    response = tail * (10 ** (-direct_db / 10) / energy) ** 0.5
    response[0] = 1.0
    return response


def reverberate(signal: Tensor, response: Tensor) -> Tensor:
    """Return samples convolved with an impulse response.

    The strongest sample of the response is the direct sound. What precedes it is removed, so that
    the result is not delayed. The result is cut to the length of the signal and scaled to its
    power.

    Args:
        signal: (S,) samples.
        response: (K,) samples; digital silence leaves the signal unchanged.
    """
    response = response[int(response.abs().argmax()) :][: signal.numel()]
    if power(response) == 0:
        return signal
    size = 1 << (signal.numel() + response.numel() - 1).bit_length()
    spectrum = torch.fft.rfft(signal, size) * torch.fft.rfft(response, size)
    return with_power_of(torch.fft.irfft(spectrum, size)[: signal.numel()], signal)
