"""Longer utterances, each made of two utterances of the set."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from moeasr.augment.augmentation import (
    Augmentation,
    AugmentationConfig,
    Speech,
    SpeechSet,
)
from moeasr.errors import InputError
from moeasr.text.scripts import is_unspaced


@dataclass(frozen=True, kw_only=True)
class JoinConfig(AugmentationConfig):
    """A random utterance of the set after the utterance, also of stored features.

    The space between the transcripts is a further unit. Two utterances that barely have enough
    frames for CTC may therefore have too few together; their batch is then left out of the epoch.
    """

    type: Literal["join"] = "join"
    max_sec: float = 15.0
    """Maximum length of both utterances together, seconds. An utterance is left as it is if the
    utterance that is drawn would make it longer."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        super().__post_init__()
        if not 0 < self.max_sec <= 3600:
            raise InputError(f"`max_sec` must be above 0 and at most 3600, but is {self.max_sec:g}")

    def build(self, speech: SpeechSet) -> "Join":
        """Build the augmentation, see `AugmentationConfig`."""
        return Join(self, speech)


class Join(Augmentation):
    """An augmentation that appends a random utterance in the same language, and its transcript.

    Args:
        config: Its settings.
        speech: The set of utterances that is augmented.
    """

    def __init__(self, config: JoinConfig, speech: SpeechSet) -> None:
        self._config = config
        self._speech = speech

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return the changed utterance, see `Augmentation`."""
        index = self._speech.draw_like(speech.index, rng)
        lengths_sec = self._speech.lengths_sec
        if lengths_sec[speech.index] + lengths_sec[index] > self._config.max_sec:
            return speech
        other = self._speech.read(index)
        signal = torch.cat([speech.signal, other.signal])
        return replace(speech, signal=signal, text=join_texts(speech.text, other.text))


def join_texts(text: str, other: str) -> str:
    """Return two transcripts as one.

    A space separates them, unless their script has no spaces and neither of them contains one.
    """
    if not text or not other:
        return text or other
    is_continuous = is_unspaced(text[-1]) and is_unspaced(other[0]) and " " not in text + other
    return text + other if is_continuous else f"{text} {other}"
