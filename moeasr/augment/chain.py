"""A list of augmentations, applied in order."""

from collections.abc import Sequence

import numpy as np

from moeasr.augment.augmentation import AugmentationConfig, Speech, SpeechSet
from moeasr.errors import InputError

KEY = "augment"
"""The key that lists the augmentations, for messages."""


class AugmentationChain:
    """Augmentations of the utterances of a set.

    A changed utterance is a pure function of (seed, epoch, index of the utterance). It does not
    depend on the order of access, the number of processes, or interruptions. Each augmentation has
    random numbers of its own, so another one that is appended to the list changes none of them.

    Args:
        configs: Settings of the augmentations, in the order in which they are applied.
        speech: The set of utterances that is augmented.
        seed: Seed of all random numbers.

    Raises:
        InputError: A file that an augmentation needs is missing or cannot be used. The message
            names the augmentation.
    """

    def __init__(self, configs: Sequence[AugmentationConfig], speech: SpeechSet, seed: int) -> None:
        self._seed = seed
        self._members = []
        for number, config in enumerate(configs):
            try:
                self._members.append((config, config.build(speech)))
            except InputError as error:
                raise InputError(f"`{KEY}[{number}]` ({config.type}): {error}") from None

    def apply(self, speech: Speech, epoch: int) -> Speech:
        """Return an utterance as it is in an epoch.

        Raises:
            InputError: A recording that is mixed into the utterance cannot be read.
        """
        for number, (config, augmentation) in enumerate(self._members, start=1):
            if epoch < config.first_epoch:
                continue
            # the masks of SpecAugment have the seed (seed, epoch, index), which equals a number 0
            seeds = np.random.SeedSequence([self._seed, epoch, speech.index, number])
            rng = np.random.default_rng(seeds)
            if rng.random() < config.prob:
                speech = augmentation.apply(speech, rng)
        return speech
