"""The utterances of a data directory, as augmentations read them."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from moeasr.augment.augmentation import Speech
from moeasr.datadir.utterances import Utterance, Utterances


class UtteranceSpeech:
    """A `moeasr.augment.augmentation.SpeechSet` over utterances.

    Args:
        utterances: The utterances, with their transcripts.
        read: Function that returns the signal of an utterance: (S,) samples or (T, F) features.
        rate_hz: Sample rate of the samples, Hz.
        lengths_sec: (N,) lengths of the utterances, seconds.
    """

    def __init__(
        self,
        utterances: Utterances,
        read: Callable[[Utterance], Tensor],
        rate_hz: int,
        lengths_sec: np.ndarray,
    ) -> None:
        self._utterances = utterances
        self._read = read
        self.rate_hz = rate_hz
        self.lengths_sec = lengths_sec

    def read(self, index: int) -> Speech:
        """Return an utterance without augmentation."""
        utterance = self._utterances[index]
        return Speech(self._read(utterance), utterance.text, index)

    def draw_like(self, index: int, rng: np.random.Generator) -> int:
        """Return the index of a random utterance in the same language as utterance `index`."""
        languages = self._utterances.languages
        if languages is None:
            return int(rng.integers(len(self._utterances)))
        return int(rng.choice(np.flatnonzero(languages == languages[index])))
