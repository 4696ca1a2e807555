"""An encoder with a front end and a stack of blocks, with U2++'s chunk masks (arXiv 2106.05642)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from moeasr.models.cache import BlockPast, EncoderState
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.outputs import EncoderOutput
from moeasr.nn.mask import make_chunk_mask, make_valid_mask
from moeasr.nn.position import key_positions, relative_positions
from moeasr.nn.routing import Routing
from moeasr.nn.subsampling import ConvSubsampling4
from moeasr.nn.valid_frames import ValidFrames, find_valid_frames


class EncoderBlock(Protocol):
    """The interface of blocks, such as Conformer or Transformer blocks."""

    def start(self, num_streams: int) -> BlockPast:
        """Return the empty cache of streams before their first frame."""
        ...

    def __call__(
        self,
        x: Tensor,
        positions: Tensor,
        attention_mask: Tensor,
        valid: ValidFrames,
        context: Tensor | None = None,
        past: BlockPast | None = None,
    ) -> tuple[Tensor, dict[str, Routing], BlockPast]:
        """Transform a batch of frames.

        Args:
            x: Frames, (B, T, D).
            positions: Encodings of relative positions (P + 2T - 1, D), or of the positions of keys
                (B or 1, P + T, D).
            attention_mask: (B, T or 1, P + T) bool, True where a query may attend.
            valid: The frames that are not padding.
            context: Router context (B, T, C), or None.
            past: Cache of the P frames before x; None if x is the whole utterance (P = 0).

        Returns:
            The outputs (B, T, D); the routings of the feed-forwards with experts, by their names in
            the block; and the cache including x, from which nothing has been dropped yet.
        """
        ...


class BlocksOutput(NamedTuple):
    """The output of the blocks of an encoder for a batch."""

    enc: Tensor
    """Encoder frames, (B, T, D)."""
    routings: dict[str, Routing]
    """Routing of each MoE layer, by its path in the encoder."""
    pasts: list[BlockPast]
    """Cache of each block including the frames, from which nothing has been dropped yet."""
    intermediate: tuple[Tensor, ...]
    """Outputs of the `intermediate_blocks`, which only training has."""
    group_scores: Tensor | None
    """Scores of the labels, see `BlockEncoder.identify`; None without it."""


class BlockEncoder(Encoder):
    """An encoder that consists of subsampling and a stack of blocks.

    Args:
        subsampling: The front end, (B, T, F) -> (B, T', D).
        blocks: The stack of modules with the interface `EncoderBlock`.
        dropout: Dropout rate of the front end's output.
        norm: Norm after the stack, for blocks that do not end in a norm; or None.
        knows_distance: True if attention uses distances, False if it uses the positions of keys.
        sees_future: True if the output for a frame depends on frames after its chunk.

    Attributes:
        intermediate_blocks: Numbers of the blocks, from 1, whose outputs training returns as well.
        conditioned_blocks: Those of them after which `conditioning` is used.
        conditioning: Maps the output of a block (B, T', D) to what is added to the input of the
            next block; None for no self-conditioning.
        identifying_block: Number of the block, from 1, whose output `identify` reads.
        identify: Maps the output of this block (B, T', D) to scores of labels (B, T', C) and to the
            router context of all later blocks (B, T', G); None if no head chooses groups of
            experts.
    """

    subsampling_rate = 4
    intermediate_blocks: frozenset[int] = frozenset()
    conditioned_blocks: frozenset[int] = frozenset()
    identifying_block: int = 0
    identify: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def __init__(
        self,
        subsampling: ConvSubsampling4,
        blocks: Sequence[nn.Module],
        dropout: float,
        norm: nn.LayerNorm | None = None,
        knows_distance: bool = True,
        sees_future: bool = False,
    ) -> None:
        super().__init__()
        self.subsampling = subsampling
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(dropout)
        self.norm = norm
        self.conditioning: nn.Module | None = None
        self.knows_distance = knows_distance
        self.sees_future = sees_future
        self.d_model = subsampling.project.out_features
        self.min_frames = subsampling.min_frames

    def forward(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int = -1,
        num_left_chunks: int = -1,
        context: Tensor | None = None,
    ) -> EncoderOutput:
        """Encode a batch, see `Encoder.forward`."""
        x, enc_lens = self.subsampling(feats, feats_lens)
        valid = find_valid_frames(enc_lens, x.size(1))
        attention_mask = valid.mask[:, None, :]
        if chunk_size > 0:
            chunk_mask = make_chunk_mask(x.size(1), chunk_size, num_left_chunks, x.device)
            attention_mask = attention_mask & chunk_mask
        first = x.new_zeros(1, dtype=torch.int64)
        output = self.run_blocks(x, attention_mask, valid, context, None, first)
        return EncoderOutput(
            output.enc,
            enc_lens,
            output.routings,
            intermediate=output.intermediate,
            group_scores=output.group_scores,
        )

    def start(self, num_streams: int) -> EncoderState:
        """Return the state of streams before their first frame, see `Encoder.start`."""
        blocks = tuple(block.start(num_streams) for block in self.blocks)
        device = self.subsampling.conv1.weight.device
        nothing = torch.zeros(num_streams, dtype=torch.int64, device=device)
        return EncoderState(blocks, past_lens=nothing, num_encoded=nothing)

    def extend(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int,
        num_left_chunks: int,
        context: Tensor | None,
        state: EncoderState,
    ) -> tuple[EncoderOutput, EncoderState]:
        """Encode the next frames of streams, see `Encoder.extend`."""
        x, enc_lens = self.subsampling(feats, feats_lens)
        enc_lens = torch.where(feats_lens < self.subsampling.min_frames, 0, enc_lens)
        num_past, num_frames = state.num_past, x.size(1)
        valid = find_valid_frames(enc_lens, num_frames)
        is_past = ~make_valid_mask(num_past - state.past_lens, num_past)
        attention_mask = torch.cat((is_past, valid.mask), dim=1)[:, None, :]
        attention_mask = attention_mask & make_chunk_mask(
            num_frames, chunk_size, num_left_chunks, x.device, num_past
        )
        output = self.run_blocks(
            x, attention_mask, valid, context, state.blocks, state.num_encoded - num_past
        )
        past_lens = state.past_lens + enc_lens
        if num_left_chunks >= 0:
            past_lens = past_lens.clamp(max=num_left_chunks * chunk_size)
        num_kept = int(past_lens.max())
        blocks = tuple(past.forget(num_frames, enc_lens, num_kept) for past in output.pasts)
        encoded = EncoderOutput(
            output.enc, enc_lens, output.routings, group_scores=output.group_scores
        )
        return encoded, EncoderState(blocks, past_lens, state.num_encoded + enc_lens)

    def output_len(self, num_frames: int) -> int:
        """Return the number of encoder frames of an utterance, see `Encoder.output_len`."""
        return self.subsampling.output_len(num_frames)

    def run_blocks(
        self,
        x: Tensor,
        attention_mask: Tensor,
        valid: ValidFrames,
        context: Tensor | None,
        pasts: Sequence[BlockPast] | None,
        first_key: Tensor,
    ) -> BlocksOutput:
        """Run the blocks and the norm on the front end's output.

        Args:
            x: Frames of the front end, (B, T, D).
            attention_mask: (B, T or 1, P + T) bool, True where a query may attend.
            valid: The frames that are not padding.
            context: Router context (B, T or 1, C), or None.
            pasts: Cache of each block; None if x is the whole utterance (P = 0).
            first_key: (B or 1,) position of the first of the P + T keys in its utterance.
        """
        if context is not None:
            context = context.expand(-1, x.size(1), -1)
        num_keys = attention_mask.size(2)
        if self.knows_distance:
            positions = relative_positions(x.size(1), num_keys, x)
        else:
            positions = key_positions(first_key, num_keys, x)
        x = self.dropout(x)
        routings: dict[str, Routing] = {}
        new_pasts = []
        intermediate: tuple[Tensor, ...] = ()
        group_scores = None
        for number, block in enumerate(self.blocks, start=1):
            past = None if pasts is None else pasts[number - 1]
            x, block_routings, new_past = block(x, positions, attention_mask, valid, context, past)
            routings |= {f"blocks.{number - 1}.{name}": r for name, r in block_routings.items()}
            new_pasts.append(new_past)
            if self.training and number in self.intermediate_blocks:
                intermediate += (self._normed(x),)
            if self.conditioning is not None and number in self.conditioned_blocks:
                x = x + self.conditioning(self._normed(x))
            if self.identify is not None and number == self.identifying_block:
                group_scores, context = self.identify(x)
        return BlocksOutput(self._normed(x), routings, new_pasts, intermediate, group_scores)

    def _normed(self, x: Tensor) -> Tensor:
        return x if self.norm is None else self.norm(x)
