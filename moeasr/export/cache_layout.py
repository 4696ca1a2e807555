"""The caches of streams as the two tensors that sherpa-onnx keeps between chunks.

sherpa-onnx stores one tensor for attention and one for convolutions. It reads their sizes from the
metadata of the file and never reads their values. Therefore the caches of all layers are written
into these tensors one after the other, whatever their shapes are. For a U2++ encoder of n blocks,
the first n rows are those of its blocks; SpeechMoE's embedding network adds rows. The last row has
the encoder output, which attention rescoring needs. It cannot be an output of its own, because
sherpa-onnx would treat that as a further state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.models.cache import BlockPast
from moeasr.nn.attention import KeysAndValues

MIN_KERNEL = 2
"""Smallest kernel size K, so that the tensor for convolutions is never empty."""


@dataclass(frozen=True)
class CacheLayout:
    """The sizes of the two tensors, and of the caches in them.

    Args:
        blocks: Empty caches (B = 1) of all blocks, in their order.
        d_model: Width D of a row.
    """

    blocks: tuple[BlockPast, ...]
    d_model: int

    @property
    def kernel_size(self) -> int:
        """Largest kernel size K of the convolutions."""
        return max([MIN_KERNEL, *(edge.size(1) + 1 for edge in self._edges)])

    @property
    def num_rows(self) -> int:
        """Number L of rows of the tensor for attention and of the tensor for convolutions."""
        attention = 2 * sum(past.attention.keys.size(2) for past in self.blocks if past.attention)
        convolution = sum(edge[0].numel() for edge in self._edges)
        rows = max(_rows(attention, 2 * self.d_model), _rows(convolution, self.edge_size))
        return rows + 1  # the encoder output

    def unpack(self, attention: Tensor, convolution: Tensor) -> list[BlockPast]:
        """Return the caches of all blocks.

        Args:
            attention: Keys and values of C past frames, (B, L, C, 2 D).
            convolution: Past inputs of convolutions, (B, L, D (K - 1)).
        """
        frames_BCX = attention.transpose(1, 2).flatten(2)
        edges_BX = convolution.flatten(1)
        pasts, column, place = [], 0, 0
        for past in self.blocks:
            keys_and_values = edge = None
            if past.attention is not None:
                width = past.attention.keys.size(2)
                keys_and_values = KeysAndValues(
                    frames_BCX[..., column : column + width],
                    frames_BCX[..., column + width : column + 2 * width],
                )
                column += 2 * width
            if past.convolution is not None:
                size = past.convolution[0].numel()
                edge = edges_BX[:, place : place + size].unflatten(1, past.convolution.shape[1:])
                place += size
            pasts.append(BlockPast(keys_and_values, edge))
        return pasts

    def pack(
        self, pasts: Sequence[BlockPast], attention: Tensor, enc: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the two tensors after a chunk, in the layout that `unpack` reads.

        Args:
            pasts: Caches of all blocks including the S frames of this chunk.
            attention: The tensor for attention before this chunk.
            enc: Encoder output of this chunk, (B, S, D).
        """
        num_frames = enc.size(1)
        frames = [
            part[:, num_frames:] for past in pasts if past.attention for part in past.attention
        ]
        edges = [
            past.convolution[:, past.convolution.size(1) - empty.convolution.size(1) :].flatten(1)
            for past, empty in zip(pasts, self.blocks)
            if past.convolution is not None and empty.convolution is not None
        ]
        frames_BCX = torch.cat(frames, dim=2)
        edges_BX = torch.cat(edges, dim=1) if edges else frames_BCX.new_zeros(frames_BCX.size(0), 0)
        num_missing = (self.num_rows - 1) * 2 * self.d_model - frames_BCX.size(2)
        enc_BCD = torch.cat((attention[:, -1, :, : self.d_model], enc), dim=1)[:, num_frames:]
        frames_BCX = F.pad(frames_BCX, (0, num_missing))
        frames_BCX = F.pad(torch.cat((frames_BCX, enc_BCD), dim=2), (0, self.d_model))
        edges_BX = F.pad(edges_BX, (0, self.num_rows * self.edge_size - edges_BX.size(1)))
        return (
            frames_BCX.unflatten(2, (self.num_rows, 2 * self.d_model)).transpose(1, 2),
            edges_BX.unflatten(1, (self.num_rows, self.edge_size)),
        )

    @property
    def _edges(self) -> list[Tensor]:
        return [past.convolution for past in self.blocks if past.convolution is not None]

    @property
    def edge_size(self) -> int:
        """Number of values D (K - 1) in a row of the tensor for convolutions."""
        return self.d_model * (self.kernel_size - 1)


def _rows(count: int, row: int) -> int:
    """Return the number of rows that hold `count` values."""
    return -(-count // row)
