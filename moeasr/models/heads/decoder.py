"""The attention decoder: a Transformer over tokens that looks at the encoder's frames."""

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
from moeasr.ranges import check_fraction, check_size

MAX_BLOCKS = 1000


class DecoderBlock(nn.Module):
    """Causal self-attention, attention to the encoder, feed-forward (all pre-norm).

    Args:
        d_model: D.
        self_attention: Over the tokens so far.
        cross_attention: Over the encoder's frames.
        feed_forward: Dense or MoE.
        dropout: After each part.
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
        valid_mask: Tensor,
        memory: KeysAndValues,
        memory_mask: Tensor,
    ) -> tuple[Tensor, KeysAndValues, Routing | None]:
        """Transform tokens, which may look at themselves, at tokens before them and at the encoder.

        Args:
            x: (N, U, D) this block's inputs; every N / B rows are of one utterance.
            past: Keys and values of the P tokens before these, or None for P = 0.
            self_mask: (N or 1, U, P + U) bool.
            valid_mask: (N, U) bool.
            memory: Keys and values of the encoder's frames, (B, T', D) each.
            memory_mask: (B, 1, T') bool.

        Returns:
            (N, U, D), keys and values of all P + U tokens, and the routing if the feed-forward has
            experts.
        """
        normed = self.self_attention_norm(x)
        seen = self.self_attention.read(normed)
        if past is not None:
            seen = KeysAndValues(*(torch.cat(pair, dim=1) for pair in zip(past, seen)))
        x = x + self.dropout(self.self_attention(normed, seen, self_mask))
        # To the encoder's frames all tokens of an utterance are alike, whatever their hypothesis.
        queries = self.cross_attention_norm(x).reshape(memory.keys.size(0), -1, x.size(2))
        y = self.cross_attention(queries, memory, memory_mask).reshape(x.shape)
        x = x + self.dropout(y)
        y, routing = self.feed_forward(self.feed_forward_norm(x), valid_mask)
        return x + self.dropout(y), seen, routing


class DecoderMemory(NamedTuple):
    """What a decoder reads of the encoder's output, once for all hypotheses of an utterance."""

    blocks: tuple[KeysAndValues, ...]
    """Of each block's cross-attention, (B, T', D) each."""
    mask: Tensor
    """(B, 1, T') bool, True for real frames."""

    def select(self, utts: Tensor) -> "DecoderMemory":
        """That of some utterances (B',), in that order."""
        return DecoderMemory(_select(self.blocks, utts), self.mask[utts])


class DecoderPast(NamedTuple):
    """What a decoder keeps of the tokens so far."""

    blocks: tuple[KeysAndValues, ...]
    """Of each block's self-attention, (N, L, D) each."""

    def select(self, rows: Tensor) -> "DecoderPast":
        """That of hypotheses which continue the rows (N',), in that order."""
        return DecoderPast(_select(self.blocks, rows))


def _select(blocks: Iterable[KeysAndValues], rows: Tensor) -> tuple[KeysAndValues, ...]:
    return tuple(KeysAndValues(*(part[rows] for part in block)) for block in blocks)


class TransformerDecoder(nn.Module):
    """Token embedding, decoder blocks, norm, projection to the vocabulary.

    A right-to-left decoder is this same module, given reversed tokens.

    Args:
        vocab_size: V.
        d_model: D.
        blocks: The stack.
        dropout: On the embeddings.
    """

    def __init__(
        self, vocab_size: int, d_model: int, blocks: Sequence[DecoderBlock], dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        # Scaled by sqrt(D) below, so that embeddings start about as large as the positions.
        nn.init.normal_(self.embedding.weight, std=1.0 / math.sqrt(d_model))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(d_model)
        self.project = UnquantizedLinear(d_model, vocab_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens_in: Tensor, tokens_in_lens: Tensor, enc: Tensor, enc_lens: Tensor
    ) -> DecoderOutput:
        """Scores of each next token, given the right ones before it.

        Args:
            tokens_in: (N, U) beginning with <sos/eos>, padded with any ids. N is a multiple of B:
                every N / B rows in turn are of one utterance.
            tokens_in_lens: (N,).
            enc: (B, T', D).
            enc_lens: (B,).
        """
        num_tokens = tokens_in.size(1)
        valid_mask = make_valid_mask(tokens_in_lens, num_tokens)
        self_mask = make_causal_mask(num_tokens, enc.device)[None]
        memory = self.read(enc, enc_lens)
        x = self._embed(tokens_in, first=0)
        routings: dict[str, Routing] = {}
        for depth, (block, block_memory) in enumerate(zip(self.blocks, memory.blocks)):
            x, _, routing = block(x, None, self_mask, valid_mask, block_memory, memory.mask)
            if routing is not None:
                routings[f"blocks.{depth}.feed_forward"] = routing
        return DecoderOutput(self.project(self.norm(x)), routings)

    def read(self, enc: Tensor, enc_lens: Tensor) -> DecoderMemory:
        """Project the encoder's output for `step`.

        Args:
            enc: (B, T', D).
            enc_lens: (B,).
        """
        blocks = tuple(block.cross_attention.read(enc) for block in self.blocks)
        return DecoderMemory(blocks, make_valid_mask(enc_lens, enc.size(1))[:, None])

    def step(
        self, prefix: Tensor, memory: DecoderMemory, past: DecoderPast | None
    ) -> tuple[Tensor, DecoderPast]:
        """Log-probabilities of the token after each prefix, reusing what was computed before.

        Args:
            prefix: (N, L) tokens so far, beginning with <sos/eos>. N is a multiple of B: every
                N / B rows in turn are of one utterance.
            memory: What `read` made of the B utterances.
            past: What the previous step returned for these prefixes (one token shorter), or None.

        Returns:
            (N, V) log-probabilities, and the new past.
        """
        num_tokens = prefix.size(1)
        num_new = num_tokens if past is None else num_tokens - past.blocks[0].keys.size(1)
        self_mask = make_causal_mask(num_tokens, prefix.device)[None, -num_new:]
        valid_mask = torch.ones(prefix.size(0), num_new, dtype=torch.bool, device=prefix.device)
        x = self._embed(prefix[:, -num_new:], first=num_tokens - num_new)
        new_past = []
        for depth, block in enumerate(self.blocks):
            before = None if past is None else past.blocks[depth]
            x, seen, _ = block(x, before, self_mask, valid_mask, memory.blocks[depth], memory.mask)
            new_past.append(seen)
        return self.project(self.norm(x[:, -1])).log_softmax(dim=-1), DecoderPast(tuple(new_past))

    def _embed(self, tokens: Tensor, first: int) -> Tensor:
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        return self.dropout(x + token_positions(first, tokens.size(1), x))


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The attention decoders: left to right, and right to left for rescoring."""

    num_blocks: int = 3
    """Blocks of the left-to-right decoder; 0 for a model of CTC alone."""
    num_reverse_blocks: int = 3
    """Blocks of the right-to-left decoder; 0 for none."""
    num_heads: int = 4
    """H."""
    dropout: float = field(default=0.1, metadata=PROCEDURE)
    """After each module, and inside feed-forwards."""
    attention_dropout: float = field(default=0.0, metadata=PROCEDURE)
    """On the attention weights."""
    feed_forward: AnyFeedForward = DenseConfig()
    """The feed-forward of each block."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_size("num_blocks", self.num_blocks, 0, MAX_BLOCKS)
        check_size("num_reverse_blocks", self.num_reverse_blocks, 0, MAX_BLOCKS)
        if self.num_reverse_blocks > 0 and self.num_blocks == 0:
            raise InputError(
                "`num_reverse_blocks` must be 0 when `num_blocks` is 0: the right-to-left decoder "
                "only rescores with the other"
            )
        check_fraction("dropout", self.dropout)
        check_fraction("attention_dropout", self.attention_dropout)

    def build(self, num_blocks: int, d_model: int, vocab_size: int) -> TransformerDecoder | None:
        """Build a decoder; None for one without blocks.

        Args:
            num_blocks: One of the two numbers above.
            d_model: D, of the encoder too.
            vocab_size: V.
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
