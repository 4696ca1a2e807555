"""A set of made-up utterances for augmentations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from moeasr.augment.augmentation import Augmentation, AugmentationConfig, Speech, SpeechSet

RATE_HZ = 16000


def tone(num_samples: int, frequency_hz: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return a sine of amplitude 0.1."""
    times = torch.arange(num_samples, dtype=torch.float64) / RATE_HZ
    return (0.1 * torch.sin(2 * torch.pi * frequency_hz * times)).to(dtype)


class MadeUpSpeech:
    """A `SpeechSet` whose utterance n has the given signal and the text `text n`."""

    def __init__(
        self, signals: Sequence[Tensor], rows_per_sec: float = RATE_HZ, languages: str = ""
    ) -> None:
        self.rate_hz = RATE_HZ
        self.lengths_sec = np.array([len(signal) for signal in signals]) / rows_per_sec
        self._signals = signals
        self._languages = languages or "x" * len(signals)

    def read(self, index: int) -> Speech:
        """Return an utterance."""
        return Speech(self._signals[index], f"text {index}", index)

    def draw_like(self, index: int, rng: np.random.Generator) -> int:
        """Return a random utterance of the same language."""
        same = [n for n, name in enumerate(self._languages) if name == self._languages[index]]
        return int(rng.choice(same))


def made_up_speech(num_utts: int = 4) -> MadeUpSpeech:
    """Return utterances of 0.5 s and more."""
    return MadeUpSpeech([tone(8000 + 100 * n, 300.0 + 100 * n) for n in range(num_utts)])


def made_up_features(num_utts: int = 4) -> MadeUpSpeech:
    """Return stored features of utterances of 0.5 s and more."""
    generator = torch.Generator().manual_seed(0)
    feats = [torch.randn(50 + n, 20, generator=generator) for n in range(num_utts)]
    return MadeUpSpeech(feats, rows_per_sec=100)


def write_sound(path: Path, samples: np.ndarray | Tensor, rate_hz: int = RATE_HZ) -> Path:
    """Write samples without rounding."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.asarray(samples, np.float32), rate_hz, subtype="FLOAT")
    return path


@dataclass(frozen=True, kw_only=True)
class InvertConfig(AugmentationConfig):
    """An augmentation from outside the package, which multiplies the signal by -`factor`."""

    factor: float = 1.0

    def build(self, speech: SpeechSet) -> "Invert":
        """Build the augmentation."""
        return Invert(self.factor)


class Invert(Augmentation):
    """An augmentation that multiplies samples by a negative factor."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the inverted utterance."""
        return replace(speech, signal=-self._factor * speech.signal)
