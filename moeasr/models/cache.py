"""The cache that an encoder keeps for streams between two chunks, as records of tensors."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from moeasr.nn.attention import KeysAndValues
from moeasr.nn.mask import last_frames


class BlockPast(NamedTuple):
    """The cache of one block. A field is None if the block has no such module."""

    attention: KeysAndValues | None
    """Keys and values of the past P frames, (B, P, D) each."""
    convolution: Tensor | None
    """Past inputs of the convolution or memory block, (B, kernel - 1, D)."""

    def forget(self, num_frames: int, new_lens: Tensor, num_kept: int) -> "BlockPast":
        """Return a cache with only those past frames that later frames need.

        Args:
            num_frames: Padded length T of the last input of the block.
            new_lens: Number of valid frames in that input, (B,).
            num_kept: Number of frames that attention keeps. A convolution keeps all but T frames.
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
        """Return the cache of the given streams."""
        attention, convolution = self
        if attention is not None:
            attention = KeysAndValues(*(part[rows] for part in attention))
        return BlockPast(attention, None if convolution is None else convolution[rows])

    @classmethod
    def join(cls, pasts: Sequence["BlockPast"]) -> "BlockPast":
        """Join the streams of several caches, padding attention at the front to the longest."""
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
    """The state of an encoder for B streams between two chunks."""

    blocks: tuple[BlockPast, ...]
    """Cache of each block."""
    past_lens: Tensor
    """Number of valid frames among the P frames in `blocks`, (B,). The valid frames are the last
    ones."""
    num_encoded: Tensor
    """Number of frames encoded since the beginning of each stream, (B,)."""

    @property
    def num_past(self) -> int:
        """Number P of past frames in the attention caches."""
        sizes = (past.attention.keys.size(1) for past in self.blocks if past.attention)
        return next(sizes, 0)

    @property
    def num_streams(self) -> int:
        """Number B of streams."""
        return self.past_lens.numel()

    def select(self, rows: Tensor | Sequence[int]) -> "EncoderState":
        """Return the state of the given streams in the order of `rows` (B',)."""
        rows = torch.as_tensor(rows, device=self.past_lens.device)
        blocks = tuple(past.select(rows) for past in self.blocks)
        return EncoderState(blocks, self.past_lens[rows], self.num_encoded[rows])

    @classmethod
    def join(cls, states: Sequence["EncoderState"]) -> "EncoderState":
        """Join the streams of several states, in this order."""
        depths = zip(*(state.blocks for state in states))
        blocks = tuple(BlockPast.join(pasts) for pasts in depths)
        return EncoderState(
            blocks,
            torch.cat([state.past_lens for state in states]),
            torch.cat([state.num_encoded for state in states]),
        )
