"""A dataset that returns the examples of a set of utterances."""

from collections.abc import Sequence

import numpy as np
import torch

from moeasr.data.augmented_features import AugmentedFeatures
from moeasr.data.batch import Example
from moeasr.data.data_type import StoredFeatures, UtteranceReader
from moeasr.data.token_counts import TextEncoder
from moeasr.data.utterance_lengths import check_num_frames
from moeasr.datadir.utterances import Utterance
from moeasr.errors import naming
from moeasr.features.augment import SpecAugmentConfig, spec_augment


class AsrDataset(torch.utils.data.Dataset):
    """Examples indexed by (epoch, index), each a pure function of (seed, epoch, index).

    An example does not depend on the order of access, the number of workers, or interruptions. A
    resumed training therefore reads the same examples as an uninterrupted one.

    Args:
        utterances: The utterances.
        tokenizer: Converts transcripts to tokens; None leaves the tokens empty (for decoding).
        spec_augment: Settings of the masks on the features; None applies no masks.
        fill: (F,) value under the masks, the mean of the corpus. None is the utterance's own mean.
        seed: Seed of the masks.
        reader: Reader of the features; None reads stored features.
        num_views: Number of differently masked views of each utterance, 1 or 2.
        augmented: Reader of augmented features, which replaces `reader`; None for no augmentation.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        tokenizer: TextEncoder | None,
        spec_augment: SpecAugmentConfig | None,
        fill: torch.Tensor | None,
        seed: int,
        reader: UtteranceReader | None = None,
        num_views: int = 1,
        augmented: AugmentedFeatures | None = None,
    ) -> None:
        self._utterances = utterances
        self._tokenizer = tokenizer
        self._spec_augment = spec_augment
        self._fill = fill
        self._seed = seed
        self._reader = reader or StoredFeatures()
        self._num_views = num_views
        self._augmented = augmented

    def __len__(self) -> int:
        """Return the number of utterances."""
        return len(self._utterances)

    def __getitem__(self, key: tuple[int, int]) -> Example:
        """Return the example of utterance `index` in `epoch`.

        Raises:
            InputError: The features cannot be read, their length differs from the data directory's,
                or another error occurred for this utterance.
        """
        epoch, index = key
        utterance = self._utterances[index]
        with naming(f"utterance {utterance.utt_id}"):
            return self._example(utterance, epoch, index)

    def _example(self, utterance: Utterance, epoch: int, index: int) -> Example:
        if self._augmented is not None:
            feats, text = self._augmented.read(epoch, index)
        else:
            feats, text = self._reader.read(utterance), utterance.text
            check_num_frames(feats.size(0), utterance)
        views = self._views(feats, epoch, index)
        token_ids = [] if self._tokenizer is None else self._tokenizer.encode(text)
        tokens = torch.tensor(token_ids, dtype=torch.int64)
        return Example(utterance.utt_id, views[0], tokens, utterance.language, *views[1:])

    def _views(self, feats: torch.Tensor, epoch: int, index: int) -> list[torch.Tensor]:
        """Return the features under different masks; unmasked before the first epoch of masks."""
        views = [feats] * self._num_views
        if self._spec_augment is None or epoch < self._spec_augment.first_epoch:
            return views
        fill = feats.mean(0) if self._fill is None else self._fill
        generator = self._generator(epoch, index)
        return [spec_augment(view, self._spec_augment, generator, fill) for view in views]

    def _generator(self, epoch: int, index: int) -> torch.Generator:
        # a SeedSequence mixes its numbers, so that neighbouring epochs and indices differ
        sequence = np.random.SeedSequence([self._seed, epoch, index])
        return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
