"""Padding masks and attention masks. True marks a valid frame, or a key that a query may use."""

import torch
from torch import Tensor


def make_valid_mask(lens: Tensor, max_len: int) -> Tensor:
    """Return a mask that is True for the frames of a padded batch that are not padding.

        >>> make_valid_mask(torch.tensor([3, 1]), 4).int()
        tensor([[1, 1, 1, 0],
                [1, 0, 0, 0]], dtype=torch.int32)

    Args:
        lens: (B,) int64, number of valid frames of each utterance.
        max_len: Padded length T.

    Returns:
        (B, T) bool.
    """
    return torch.arange(max_len, device=lens.device) < lens[:, None]


def make_chunk_mask(
    num_frames: int,
    chunk_size: int,
    num_left_chunks: int = -1,
    device: torch.device | None = None,
    num_past: int = 0,
) -> Tensor:
    """Return a mask that is True where frame i (row) may attend to frame j (column) in streaming.

    A frame attends to its whole chunk and the chunks before it (U2, arXiv 2012.05481, section 3.2).

        >>> make_chunk_mask(4, 2).int()
        tensor([[1, 1, 0, 0],
                [1, 1, 0, 0],
                [1, 1, 1, 1],
                [1, 1, 1, 1]], dtype=torch.int32)

    Args:
        num_frames: Number T' of frames after subsampling.
        chunk_size: Number of frames in a chunk, at least 1.
        num_left_chunks: Number of chunks before its own that a frame may attend to; -1 for all.
        device: Device of the mask.
        num_past: Number P of cached frames before these T' frames. A new chunk begins after them.

    Returns:
        (T', P + T') bool.
    """
    keys = torch.arange(-num_past, num_frames, device=device) // chunk_size
    queries = keys[num_past:, None]
    mask = keys <= queries
    if num_left_chunks >= 0:
        mask &= keys >= queries - num_left_chunks
    return mask


def last_frames(x: Tensor, ends: Tensor, count: int) -> Tensor:
    """Return the `count` frames before the end of each utterance.

        >>> last_frames(torch.arange(10).view(2, 5, 1), torch.tensor([5, 3]), 2).squeeze(2)
        tensor([[3, 4],
                [6, 7]])

    Args:
        x: Frames, (B, T, D).
        ends: (B,) index of the frame after the last wanted one.
        count: Number of frames. If an utterance has fewer, its first frame is repeated.

    Returns:
        (B, count, D).
    """
    if count <= x.size(1) and (ends == x.size(1)).all():  # whole chunks need no indices
        return x[:, x.size(1) - count :]
    index = ends[:, None] - count + torch.arange(count, device=x.device)  # (B, count)
    return x.gather(1, index.clamp(min=0)[..., None].expand(-1, -1, x.size(2)))


def make_causal_mask(num_tokens: int, device: torch.device | None = None) -> Tensor:
    """Return a (U, U) mask by which token i may attend to tokens 0..i."""
    return torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=device).tril()


def sample_chunk_size(num_frames: int, max_chunk_size: int) -> int:
    """Draw the chunk size of one training batch; about half of the batches have full context.

    s is drawn uniformly from 1..T'-1. If s > T'/2, the batch has full context (-1), otherwise
    chunks of s mod M + 1 frames. This is dynamic chunk training (U2++, arXiv 2106.05642) as
    implemented in WeNet.

    Args:
        num_frames: Number T' of encoder frames of the longest utterance in the batch.
        max_chunk_size: Largest chunk size M; 25 frames are 1 s after fourfold subsampling.
    """
    if num_frames < 2:
        return -1
    drawn = int(torch.randint(1, num_frames, (1,)))
    return -1 if drawn > num_frames // 2 else drawn % max_chunk_size + 1
