"""Masks: which frames are real, and which frames a query may look at. True always means yes."""

import torch
from torch import Tensor


def make_valid_mask(lens: Tensor, max_len: int) -> Tensor:
    """True where a padded batch holds a real frame.

        >>> make_valid_mask(torch.tensor([3, 1]), 4).int()
        tensor([[1, 1, 1, 0],
                [1, 0, 0, 0]], dtype=torch.int32)

    Args:
        lens: (B,) int64, number of real frames of each utterance.
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
    """True where frame i (row) may look at frame j (column) in chunk-wise streaming.

    A frame sees its whole chunk and the chunks before it (U2, arXiv 2012.05481, section 3.2).

        >>> make_chunk_mask(4, 2).int()
        tensor([[1, 1, 0, 0],
                [1, 1, 0, 0],
                [1, 1, 1, 1],
                [1, 1, 1, 1]], dtype=torch.int32)

    Args:
        num_frames: T', frames after subsampling.
        chunk_size: Frames in a chunk, at least 1.
        num_left_chunks: How many chunks before its own a frame may see; -1 for all.
        device: Where the mask is made.
        num_past: P, frames before these that may be looked at too; a chunk begins after them.

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
    """The `count` frames before an end that is each utterance's own.

        >>> last_frames(torch.arange(10).view(2, 5, 1), torch.tensor([5, 3]), 2).squeeze(2)
        tensor([[3, 4],
                [6, 7]])

    Args:
        x: (B, T, D).
        ends: (B,) frame after the last one wanted.
        count: How many; where there are fewer, the first frame stands in their place.

    Returns:
        (B, count, D).
    """
    if count <= x.size(1) and (ends == x.size(1)).all():  # whole chunks: nothing to look up
        return x[:, x.size(1) - count :]
    index = ends[:, None] - count + torch.arange(count, device=x.device)  # (B, count)
    return x.gather(1, index.clamp(min=0)[..., None].expand(-1, -1, x.size(2)))


def make_causal_mask(num_tokens: int, device: torch.device | None = None) -> Tensor:
    """(U, U) bool: token i may look at tokens 0..i."""
    return torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=device).tril()


def sample_chunk_size(num_frames: int, max_chunk_size: int) -> int:
    """Draw the chunk size of one training batch: about half of the batches see full context.

    s is uniform over 1..T'-1; s > T'/2 means full context (-1), else chunks of s mod M + 1 frames
    (dynamic chunk training, U2++, arXiv 2106.05642, as WeNet does it).

    Args:
        num_frames: T' of the longest utterance in the batch.
        max_chunk_size: M, 25 frames = 1 s after fourfold subsampling.
    """
    if num_frames < 2:
        return -1
    drawn = int(torch.randint(1, num_frames, (1,)))
    return -1 if drawn > num_frames // 2 else drawn % max_chunk_size + 1
