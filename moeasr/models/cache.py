"""What an encoder remembers of streams between two chunks: plain records of tensors."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from moeasr.nn.attention import KeysAndValues
from moeasr.nn.mask import last_frames


class BlockPast(NamedTuple):
    """What one block remembers; a part is None where the block has no such module."""

    attention: KeysAndValues | None
    """Of the P frames before, (B, P, D) each."""
    convolution: Tensor | None
    """(B, kernel - 1, D) inputs of the convolution or memory block."""

    def forget(self, num_frames: int, new_lens: Tensor, num_kept: int) -> "BlockPast":
        """Keep only what later frames look at.

        Args:
            num_frames: T, padded length of what the block saw last.
            new_lens: (B,) how many of those frames are real.
            num_kept: Frames that attention keeps; a convolution keeps all but T.
        """
        attention, convolution = self
        if attention is not None:
            ends = attention.keys.size(1) - num_frames + new_lens
            attention = KeysAndValues(*(last_frames(seen, ends, num_kept) for seen in attention))
        if convolution is not None:
            num_edge = convolution.size(1) - num_frames
            convolution = last_frames(convolution, num_edge + new_lens, num_edge)
        return BlockPast(attention, convolution)

    def select(self, rows: Tensor) -> "BlockPast":
        """Of these streams only."""
        attention, convolution = self
        if attention is not None:
            attention = KeysAndValues(*(part[rows] for part in attention))
        return BlockPast(attention, None if convolution is None else convolution[rows])

    @classmethod
    def join(cls, pasts: Sequence["BlockPast"]) -> "BlockPast":
        """Of all streams of several, the attention's padded in front to the longest."""
        attention, convolution = pasts[0]
        if attention is not None:
            num_past = max(past.attention.keys.size(1) for past in pasts)
            attention = KeysAndValues(
                *(
                    torch.cat([pad(part, (0, 0, num_past - part.size(1), 0)) for part in parts])
                    for parts in zip(*(past.attention for past in pasts))
                )
            )
        if convolution is not None:
            convolution = torch.cat([past.convolution for past in pasts])
        return BlockPast(attention, convolution)


class EncoderState(NamedTuple):
    """What an encoder remembers of B streams."""

    blocks: tuple[BlockPast, ...]
    """Of each block."""
    past_lens: Tensor
    """(B,) how many of the P frames in `blocks` are real: the last ones."""
    num_encoded: Tensor
    """(B,) frames since each stream began."""

    @property
    def num_past(self) -> int:
        """P."""
        sizes = (past.attention.keys.size(1) for past in self.blocks if past.attention)
        return next(sizes, 0)

    @property
    def num_streams(self) -> int:
        """B."""
        return self.past_lens.numel()

    def select(self, rows: Tensor | Sequence[int]) -> "EncoderState":
        """Of these streams only, in the order of `rows` (B',)."""
        rows = torch.as_tensor(rows, device=self.past_lens.device)
        blocks = tuple(past.select(rows) for past in self.blocks)
        return EncoderState(blocks, self.past_lens[rows], self.num_encoded[rows])

    @classmethod
    def join(cls, states: Sequence["EncoderState"]) -> "EncoderState":
        """Of all streams of several, in this order."""
        depths = zip(*(state.blocks for state in states))
        blocks = tuple(BlockPast.join(pasts) for pasts in depths)
        return EncoderState(
            blocks,
            torch.cat([state.past_lens for state in states]),
            torch.cat([state.num_encoded for state in states]),
        )
