"""The attention decoder: a Transformer over tokens that attends to the encoder output."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from moeasr.config_roles import PROCEDURE
from moeasr.errors import InputError
from moeasr.models.feed_forwards import AnyFeedForward
from moeasr.models.outputs import DecoderOutput
from moeasr.nn.attention import KeysAndValues, MultiHeadAttention
from moeasr.nn.feed_forward import DenseConfig, FeedForward, Stack
from moeasr.nn.mask import make_causal_mask, make_valid_mask
from moeasr.nn.position import token_positions
from moeasr.nn.routing import Routing
from moeasr.nn.unquantized_linear import UnquantizedLinear
from moeasr.nn.valid_frames import ValidFrames, all_frames_valid, find_valid_frames
from moeasr.ranges import check_fraction, check_size

MAX_BLOCKS = 1000


class DecoderBlock(nn.Module):
    """A decoder block: causal self-attention, cross-attention and feed-forward.

    Every module has a norm before it.

    Args:
        d_model: Model width D.
        self_attention: Attention to the tokens so far.
        cross_attention: Attention to the encoder output.
        feed_forward: A dense or MoE feed-forward.
        dropout: Dropout rate after each module.
    """

    def __init__(
        self,
        d_model: int,
        self_attention: MultiHeadAttention,
        cross_attention: MultiHeadAttention,
        feed_forward: FeedForward,
        dropout: float,
    ) -> None:
        super().__init__()
        self.self_attention = self_attention
        self.cross_attention = cross_attention
        self.feed_forward = feed_forward
        self.self_attention_norm = nn.LayerNorm(d_model)
        self.cross_attention_norm = nn.LayerNorm(d_model)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        past: KeysAndValues | None,
        self_mask: Tensor,
        valid: ValidFrames,
        memory: KeysAndValues | Tensor,
        memory_mask: Tensor,
    ) -> tuple[Tensor, KeysAndValues, Routing | None]:
        """Transform tokens, which attend to previous tokens and to the encoder output.

        Args:
            x: Inputs of the block (N, U, D); each group of N / B rows belongs to one utterance.
            past: Keys and values of the P previous tokens, or None for P = 0.
            self_mask: (N or 1, U, P + U) bool, True where a token may attend.
            valid: The tokens that are not padding.
            memory: Keys and values of the encoder output, (B, T', D) each; or the encoder output
                itself, (B, T', D), which the block then projects.
            memory_mask: (B, 1, T') bool, False for padding.

        Returns:
            The outputs (N, U, D), keys and values of all P + U tokens, and the routing if the
            feed-forward has experts.
        """
        if isinstance(memory, Tensor):
            memory = self.cross_attention.read(memory)
        normed = self.self_attention_norm(x)
        seen = self.self_attention.read(normed)
        if past is not None:
            seen = KeysAndValues(*(torch.cat(pair, dim=1) for pair in zip(past, seen)))
        x = x + self.dropout(self.self_attention(normed, seen, self_mask))
        # Cross-attention treats the tokens of all hypotheses of an utterance as one sequence.
        queries = self.cross_attention_norm(x).reshape(memory.keys.size(0), -1, x.size(2))
        y = self.cross_attention(queries, memory, memory_mask).reshape(x.shape)
        x = x + self.dropout(y)
        y, routing = self.feed_forward(self.feed_forward_norm(x), valid)
        return x + self.dropout(y), seen, routing


class DecoderMemory(NamedTuple):
    """The encoder output as keys and values, which all hypotheses of an utterance share."""

    blocks: tuple[KeysAndValues, ...]
    """Keys and values of the cross-attention in each block, (B, T', D) each."""
    mask: Tensor
    """Mask of the valid frames, (B, 1, T') bool."""

    def select(self, utts: Tensor) -> "DecoderMemory":
        """Return the encoder output of the given utterances (B',), in this order."""
        return DecoderMemory(_select(self.blocks, utts), self.mask[utts])


class DecoderPast(NamedTuple):
    """The cache of a decoder: keys and values of the tokens so far."""

    blocks: tuple[KeysAndValues, ...]
    """Keys and values of the self-attention in each block, (N, L, D) each."""

    def select(self, rows: Tensor) -> "DecoderPast":
        """Return the cache of N' hypotheses, given the row (N',) that each of them continues."""
        return DecoderPast(_select(self.blocks, rows))


def _select(blocks: Iterable[KeysAndValues], rows: Tensor) -> tuple[KeysAndValues, ...]:
    return tuple(KeysAndValues(*(part[rows] for part in block)) for block in blocks)


class TransformerDecoder(nn.Module):
    """A decoder: token embedding, decoder blocks, norm, projection to the vocabulary.

    A right-to-left decoder is the same module with reversed tokens as input.

    Args:
        vocab_size: Vocabulary size V.
        d_model: Model width D.
        blocks: The stack of blocks.
        dropout: Dropout rate of the embeddings.
    """

    def __init__(
        self, vocab_size: int, d_model: int, blocks: Sequence[DecoderBlock], dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        # `_embed` multiplies by sqrt(D), so embeddings start about as large as the positions.
        nn.init.normal_(self.embedding.weight, std=1.0 / math.sqrt(d_model))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(d_model)
        self.project = UnquantizedLinear(d_model, vocab_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens_in: Tensor, tokens_in_lens: Tensor, enc: Tensor, enc_lens: Tensor
    ) -> DecoderOutput:
        """Compute the scores of each next token, given the correct previous tokens.

        Args:
            tokens_in: Tokens (N, U) that begin with <sos/eos>, with any padding. N is a multiple of
                B, and each group of N / B rows belongs to one utterance.
            tokens_in_lens: Number of input tokens, (N,).
            enc: Encoder output, (B, T', D).
            enc_lens: Number of encoder frames, (B,).
        """
        num_tokens = tokens_in.size(1)
        valid = find_valid_frames(tokens_in_lens, num_tokens)
        self_mask = make_causal_mask(num_tokens, enc.device)[None]
        memory_mask = make_valid_mask(enc_lens, enc.size(1))[:, None]
        x = self._embed(tokens_in, first=0)
        routings: dict[str, Routing] = {}
        for depth, block in enumerate(self.blocks):
            # A block projects the encoder output itself, because its weights may be sharded.
            x, _, routing = block(x, None, self_mask, valid, enc, memory_mask)
            if routing is not None:
                routings[f"blocks.{depth}.feed_forward"] = routing
        return DecoderOutput(self.project(self.norm(x)), routings)

    def read(self, enc: Tensor, enc_lens: Tensor) -> DecoderMemory:
        """Project the encoder output to keys and values for `step`.

        Args:
            enc: Encoder output, (B, T', D).
            enc_lens: Number of encoder frames, (B,).
        """
        blocks = tuple(block.cross_attention.read(enc) for block in self.blocks)
        return DecoderMemory(blocks, make_valid_mask(enc_lens, enc.size(1))[:, None])

    def step(
        self, prefix: Tensor, memory: DecoderMemory, past: DecoderPast | None
    ) -> tuple[Tensor, DecoderPast]:
        """Compute the log-probabilities of the token after each prefix, using the cache.

        Args:
            prefix: Tokens so far (N, L), beginning with <sos/eos>. N is a multiple of B, and each
                group of N / B rows belongs to one utterance.
            memory: Output of `read` for the B utterances.
            past: The cache that the previous step returned for these prefixes without their last
                token, or None.

        Returns:
            The log-probabilities (N, V), and the new cache.
        """
        num_tokens = prefix.size(1)
        num_new = num_tokens if past is None else num_tokens - past.blocks[0].keys.size(1)
        self_mask = make_causal_mask(num_tokens, prefix.device)[None, -num_new:]
        valid = all_frames_valid(prefix.size(0), num_new, prefix.device)
        x = self._embed(prefix[:, -num_new:], first=num_tokens - num_new)
        new_past = []
        for depth, block in enumerate(self.blocks):
            before = None if past is None else past.blocks[depth]
            x, seen, _ = block(x, before, self_mask, valid, memory.blocks[depth], memory.mask)
            new_past.append(seen)
        return self.project(self.norm(x[:, -1])).log_softmax(dim=-1), DecoderPast(tuple(new_past))

    def _embed(self, tokens: Tensor, first: int) -> Tensor:
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        return self.dropout(x + token_positions(first, tokens.size(1), x))


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The settings of the left-to-right and right-to-left attention decoders."""

    num_blocks: int = 3
    """Number of blocks of the left-to-right decoder; 0 for a model with CTC only."""
    num_reverse_blocks: int = 3
    """Number of blocks of the right-to-left decoder; 0 for none."""
    num_heads: int = 4
    """Number H of attention heads."""
    dropout: float = field(default=0.1, metadata=PROCEDURE)
    """Dropout rate after each module and inside feed-forwards."""
    attention_dropout: float = field(default=0.0, metadata=PROCEDURE)
    """Dropout rate of the attention weights."""
    feed_forward: AnyFeedForward = DenseConfig()
    """The feed-forward of each block."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        check_size("num_blocks", self.num_blocks, 0, MAX_BLOCKS)
        check_size("num_reverse_blocks", self.num_reverse_blocks, 0, MAX_BLOCKS)
        if self.num_reverse_blocks > 0 and self.num_blocks == 0:
            raise InputError(
                "`num_reverse_blocks` must be 0 when `num_blocks` is 0: the right-to-left decoder "
                "rescores only together with the left-to-right decoder"
            )
        check_fraction("dropout", self.dropout)
        check_fraction("attention_dropout", self.attention_dropout)

    def build(self, num_blocks: int, d_model: int, vocab_size: int) -> TransformerDecoder | None:
        """Build a decoder; return None for 0 blocks.

        Args:
            num_blocks: Either `self.num_blocks` or `self.num_reverse_blocks`.
            d_model: Width D of the encoder and the decoder.
            vocab_size: Vocabulary size V.
        """
        if num_blocks == 0:
            return None
        stack = Stack(d_model, self.dropout)
        blocks = [
            DecoderBlock(
                d_model,
                MultiHeadAttention(d_model, self.num_heads, self.attention_dropout),
                MultiHeadAttention(d_model, self.num_heads, self.attention_dropout),
                self.feed_forward.build(stack),
                self.dropout,
            )
            for _ in range(num_blocks)
        ]
        return TransformerDecoder(vocab_size, d_model, blocks, self.dropout)
