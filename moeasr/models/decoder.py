"""The attention decoder: a Transformer over tokens that looks at the encoder's frames."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moeasr.models.outputs import DecoderOutput
from moeasr.nn.attention import MultiHeadAttention
from moeasr.nn.feed_forward import FeedForward
from moeasr.nn.mask import make_causal_mask, make_valid_mask
from moeasr.nn.position import token_positions
from moeasr.nn.routing import Routing


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
        self_mask: Tensor,
        valid_mask: Tensor,
        enc: Tensor,
        enc_mask: Tensor,
        num_new: int,
    ) -> tuple[Tensor, Routing | None]:
        """Transform the last `num_new` tokens of `x`, which may look at all of it.

        Args:
            x: (B, U, D) this block's inputs.
            self_mask: (B or 1, num_new, U) bool.
            valid_mask: (B, num_new) bool.
            enc: (B, T', D).
            enc_mask: (B, 1, T') bool.
            num_new: How many of the last positions to compute.

        Returns:
            (B, num_new, D), and the routing if the feed-forward has experts.
        """
        normed = self.self_attention_norm(x)
        x = x[:, -num_new:]
        x = x + self.dropout(self.self_attention(normed[:, -num_new:], normed, self_mask))
        y = self.cross_attention(self.cross_attention_norm(x), enc, enc_mask)
        x = x + self.dropout(y)
        y, routing = self.feed_forward(self.feed_forward_norm(x), valid_mask)
        return x + self.dropout(y), routing


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
        self.project = nn.Linear(d_model, vocab_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens_in: Tensor, tokens_in_lens: Tensor, enc: Tensor, enc_lens: Tensor
    ) -> DecoderOutput:
        """Scores of each next token, given the right ones before it.

        Args:
            tokens_in: (B, U) beginning with <sos/eos>, padded with any ids.
            tokens_in_lens: (B,).
            enc: (B, T', D).
            enc_lens: (B,).
        """
        num_tokens = tokens_in.size(1)
        valid_mask = make_valid_mask(tokens_in_lens, num_tokens)
        self_mask = make_causal_mask(num_tokens, enc.device)[None]
        enc_mask = make_valid_mask(enc_lens, enc.size(1))[:, None]
        x = self._embed(tokens_in, first=0)
        routings: list[Routing] = []
        for block in self.blocks:
            x, routing = block(x, self_mask, valid_mask, enc, enc_mask, num_tokens)
            if routing is not None:
                routings.append(routing)
        return DecoderOutput(self.project(self.norm(x)), tuple(routings))

    def step(
        self, prefix: Tensor, enc: Tensor, enc_lens: Tensor, cache: list[Tensor] | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Log-probabilities of the token after each prefix, reusing what was computed before.

        Args:
            prefix: (N, L) tokens so far, beginning with <sos/eos>.
            enc: (N, T', D).
            enc_lens: (N,).
            cache: What the previous step returned for these prefixes (one token shorter), or None.

        Returns:
            (N, V) log-probabilities, and the new cache: the inputs of every block, each (N, L, D).
        """
        num_tokens = prefix.size(1)
        num_new = num_tokens if cache is None else num_tokens - cache[0].size(1)
        self_mask = make_causal_mask(num_tokens, enc.device)[None, -num_new:]
        valid_mask = torch.ones(prefix.size(0), num_new, dtype=torch.bool, device=enc.device)
        enc_mask = make_valid_mask(enc_lens, enc.size(1))[:, None]
        x = self._embed(prefix[:, -num_new:], first=num_tokens - num_new)
        new_cache = []
        for depth, block in enumerate(self.blocks):
            inputs = x if cache is None else torch.cat((cache[depth], x), dim=1)  # (N, L, D)
            new_cache.append(inputs)
            x, _ = block(inputs, self_mask, valid_mask, enc, enc_mask, num_new)
        return self.project(self.norm(x[:, -1])).log_softmax(dim=-1), new_cache

    def _embed(self, tokens: Tensor, first: int) -> Tensor:
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        return self.dropout(x + token_positions(first, tokens.size(1), x))
