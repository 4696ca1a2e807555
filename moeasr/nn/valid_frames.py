"""The frames of a padded batch that are not padding."""

from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.nn.mask import make_valid_mask


class ValidFrames(NamedTuple):
    """The valid frames of a batch of B utterances, found once for all layers.

    On a GPU, finding them makes the host wait for the device. If every layer did this, the device
    would be idle most of the time.
    """

    mask: Tensor
    """True for the valid frames, (B, T) bool."""
    index: Tensor | None
    """Indices of the valid frames in the flattened (B * T) frames, (N,) int64; None if no frame is
    padding."""

    def take(self, x: Tensor) -> Tensor:
        """Return the valid frames, (B, T, D) -> (N, D)."""
        x = x.flatten(0, 1)
        return x if self.index is None else x.index_select(0, self.index)

    def put(self, x_ND: Tensor) -> Tensor:
        """Return valid frames to their places in the batch, (N, D) -> (B, T, D); padding is 0."""
        if self.index is not None:
            frames = x_ND.new_zeros(self.mask.numel(), x_ND.size(1))
            x_ND = frames.index_copy(0, self.index, x_ND)
        return x_ND.view(*self.mask.shape, -1)


def find_valid_frames(lens: Tensor, max_len: int) -> ValidFrames:
    """Return the valid frames of a padded batch.

        >>> find_valid_frames(torch.tensor([3, 1]), 4).index
        tensor([0, 1, 2, 4])

    Args:
        lens: (B,) int64, number of valid frames of each utterance.
        max_len: Padded length T.
    """
    mask = make_valid_mask(lens, max_len)
    if torch.compiler.is_exporting():  # exported experts process padding too
        return ValidFrames(mask, None)
    index = mask.flatten().nonzero().squeeze(1)
    return ValidFrames(mask, None if index.numel() == mask.numel() else index)


def all_frames_valid(
    batch: int, num_frames: int, device: torch.device | None = None
) -> ValidFrames:
    """Return the frames of a batch without padding: B utterances of T frames each."""
    return ValidFrames(torch.ones(batch, num_frames, dtype=torch.bool, device=device), None)
