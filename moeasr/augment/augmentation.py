"""The interface of augmentations, which change utterances when they are read for training."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from torch import Tensor

from moeasr.errors import InputError, not_defined
from moeasr.ranges import check_fraction


@dataclass(frozen=True)
class Speech:
    """An utterance that is being augmented.

    Attributes:
        signal: (S,) float32 samples in about [-1, 1], or (T, F) float32 stored features.
        text: The transcript.
        index: Index of the utterance in its set.
    """

    signal: Tensor
    text: str
    index: int

    @property
    def is_audio(self) -> bool:
        """True for samples, False for stored features."""
        return self.signal.dim() == 1


class SpeechSet(Protocol):
    """The set of utterances that is augmented.

    Attributes:
        rate_hz: Sample rate of the audio, Hz.
        lengths_sec: (N,) lengths of the utterances, seconds.
    """

    rate_hz: int
    lengths_sec: np.ndarray

    def read(self, index: int) -> Speech:
        """Return an utterance without augmentation.

        Raises:
            InputError: The utterance cannot be read. The message names the utterance.
        """
        ...

    def draw_like(self, index: int, rng: np.random.Generator) -> int:
        """Return the index of a random utterance in the same language as utterance `index`."""
        ...


class Augmentation:
    """The base class of augmentations. To add an augmentation, write a subclass."""

    def apply(self, speech: Speech, rng: np.random.Generator) -> Speech:
        """Return a changed utterance. The given signal itself is not modified.

        Args:
            speech: The utterance, perhaps changed by other augmentations.
            rng: Random number generator of this utterance, epoch and augmentation.

        Raises:
            InputError: A recording that is mixed into the utterance cannot be read.
        """
        raise not_defined(type(self), "apply")


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """An item of `data.augment:`. The subclass for each `type` builds the augmentation."""

    needs_audio: ClassVar[str] = ""
    """Reason why stored features cannot be changed in this way; empty if they can."""

    type: str
    """A name in `moeasr.augment.augmentations.AUGMENTATIONS`, or the import path of a subclass
    of this class."""
    prob: float = 0.5
    """Probability that an utterance is changed, drawn anew in each epoch."""
    first_epoch: int = 0
    """First epoch in which utterances are changed; training counts epochs from 1."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_fraction("prob", self.prob)

    def build(self, speech: SpeechSet) -> Augmentation:
        """Build the augmentation.

        Args:
            speech: The set of utterances that is augmented.

        Raises:
            InputError: A file that the augmentation needs is missing or cannot be used.
        """
        raise not_defined(type(self), "build")


def check_interval(
    name: str, values: tuple[float, ...], minimum: float = -200.0, maximum: float = 200.0
) -> None:
    """Raise `InputError` unless values are a lower and an upper limit within a range."""
    if len(values) != 2 or not minimum <= values[0] <= values[1] <= maximum:
        raise InputError(
            f"`{name}` must be [lowest, highest] with two numbers from {minimum:g} to {maximum:g}, "
            f"but is {list(values)}"
        )


def draw_between(interval: tuple[float, ...], rng: np.random.Generator) -> float:
    """Return a random number, uniformly distributed between a lower and an upper limit."""
    low, high = interval
    return float(rng.uniform(low, high))
