"""The convolutional front end, which reduces four feature frames to one encoder frame."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.nn.mask import make_valid_mask
from moeasr.nn.unquantized_linear import UnquantizedLinear

MIN_FRAMES = 7  # number of inputs that two 3-wide convolutions of stride 2 need for one output
PIECE_FRAMES = 64  # number of frames processed at a time when no gradients are needed


def subsampled_len(num_frames: int) -> int:
    """Return the number T' of frames after `ConvSubsampling4`.

    T' = floor((floor((T - 3) / 2) + 1 - 3) / 2) + 1, or 0 if there are too few frames.
    """
    return 0 if num_frames < MIN_FRAMES else ((num_frames - 1) // 2 - 1) // 2


class ConvSubsampling4(nn.Module):
    """Two 3x3 convolutions of stride 2 over time and frequency, then a projection to model width.

    The convolutions are not padded. Output frame i depends on input frames 4i .. 4i+6, and no valid
    output frame depends on padding.

    Args:
        num_mel_bins: Number F of mel bins.
        d_model: Model width D.
        num_channels: Number of channels of both convolutions. D is customary, but the second
            convolution then costs as much as several Conformer blocks of a small model.
    """

    def __init__(self, num_mel_bins: int, d_model: int, num_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, num_channels, kernel_size=3, stride=2)
        self.conv2 = nn.Conv2d(num_channels, num_channels, kernel_size=3, stride=2)
        self.project = UnquantizedLinear(num_channels * subsampled_len(num_mel_bins), d_model)

    def forward(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        """Shorten the time axis fourfold.

        Args:
            feats: Features, (B, T, F). Batches shorter than 7 frames are padded to give one frame.
            feats_lens: Number of feature frames of each utterance, (B,).

        Returns:
            The encoder frames (B, T', D) and their numbers (B,), at least 1. An utterance that is
            too short is padded with zeros, so that it does not make the whole batch fail.
        """
        # Only an utterance that is too short for one output sees its padding, which must be zero.
        feats = feats.masked_fill(~make_valid_mask(feats_lens, feats.size(1))[:, :, None], 0.0)
        if feats.size(1) < MIN_FRAMES:
            feats = F.pad(feats, (0, 0, 0, MIN_FRAMES - feats.size(1)))
        if torch.is_grad_enabled() or torch.compiler.is_exporting():
            x = self._convolve(feats)
        else:
            x = torch.cat([self._convolve(piece) for piece in _pieces(feats)], dim=1)
        x = self.project(x)
        lens = ((feats_lens - 1) // 2 - 1) // 2
        return x, lens.clamp(min=1, max=x.size(1))

    def _convolve(self, feats: Tensor) -> Tensor:
        """Apply both convolutions, (B, T, F) -> (B, T', channels * F')."""
        x = F.relu_(self.conv1(feats[:, None]))  # (B, channels, T/2, F/2)
        x = F.relu_(self.conv2(x))  # (B, channels, T', F')
        return x.transpose(1, 2).flatten(2)

    min_frames = MIN_FRAMES

    def output_len(self, num_frames: int) -> int:
        """Return the number of output frames of an utterance; 0 if it is too short."""
        return subsampled_len(num_frames)


def _pieces(feats: Tensor) -> Iterator[Tensor]:
    """Yield overlapping pieces of (B, T, F) whose concatenated outputs equal those of the whole.

    The outputs of the first convolution are a hundred times as large as the features. Those of one
    piece fit into the processor's cache, and an hour of audio needs no more memory than a second.
    """
    overlap = MIN_FRAMES - 4
    for start in range(0, max(feats.size(1) - overlap, 1), PIECE_FRAMES):
        piece = feats[:, start : start + PIECE_FRAMES + overlap]
        if piece.size(1) >= MIN_FRAMES:
            yield piece
