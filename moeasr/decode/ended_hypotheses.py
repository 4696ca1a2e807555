"""The hypotheses of a beam search that have ended: the K best of each utterance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from moeasr.decode.hypothesis import Hypothesis

NEG_INF = float("-inf")


@dataclass(frozen=True)
class EndedHypotheses:
    """The K best hypotheses of each of A utterances, best first; a score of -inf is an empty slot.

    S is the number of scorers, U the number of tokens in the longest hypothesis.
    """

    scores: Tensor  # (A, K) float64
    lengths: Tensor  # (A, K)
    tokens: Tensor  # (A, K, U)
    history: Tensor  # (A, K, U + 1, S) log-probability of each token and of the end

    @classmethod
    def none(cls, scores: Tensor, num_scorers: int) -> "EndedHypotheses":
        """Return the empty record; `scores` (A, K) determines its device and data type."""
        return cls(
            scores=torch.full_like(scores, NEG_INF),
            lengths=torch.zeros_like(scores, dtype=torch.int64),
            tokens=torch.zeros_like(scores, dtype=torch.int64)[..., None][..., :0],
            history=scores.new_zeros(*scores.shape, 0, num_scorers),
        )

    def add(self, scores: Tensor, tokens: Tensor, history: Tensor) -> "EndedHypotheses":
        """Return the K best among these hypotheses and others that all have the same length.

        Args:
            scores: (A, K) scores of the other hypotheses; -inf for an empty slot.
            tokens: (A * K, L) tokens of the other hypotheses.
            history: (A * K, L + 1, S) log-probabilities of these tokens and of the ends.
        """
        num_slots, num_tokens = scores.size(1), tokens.size(1)
        tokens, history = (x.unflatten(0, scores.shape) for x in (tokens, history))
        missing = num_tokens - self.tokens.size(2)
        older_history = pad(self.history, (0, 0, 0, num_tokens + 1 - self.history.size(2)))
        candidates = (
            torch.cat([self.lengths, torch.full_like(self.lengths, num_tokens)], dim=1),
            torch.cat([pad(self.tokens, (0, missing)), tokens], dim=1),
            torch.cat([older_history, history], dim=1),
        )
        scores, winners = torch.cat([self.scores, scores], dim=1).topk(num_slots, dim=1)
        return EndedHypotheses(scores, *(take(x, winners) for x in candidates))

    def select(self, utts: Tensor) -> "EndedHypotheses":
        """Return the hypotheses of some utterances; `utts` are indices or a mask (A,)."""
        columns = (self.scores, self.lengths, self.tokens, self.history)
        return EndedHypotheses(*(column[utts] for column in columns))

    def hypotheses(self, utt: int, parts: Sequence[str]) -> list[Hypothesis]:
        """Return the hypotheses of one utterance, best first.

        Args:
            utt: The index of the utterance, below A.
            parts: For each of the S scorers the score that it contributes to: `attention`, `ctc`
                or `fusion`. The scores of further scorers are not returned.
        """
        columns = (self.scores, self.lengths, self.tokens, self.history)
        return [
            _hypothesis(score, tokens[:length], history[: length + 1], parts)
            for score, length, tokens, history in zip(*(c[utt].tolist() for c in columns))
            if score > NEG_INF
        ]


def take(x: Tensor, places: Tensor) -> Tensor:
    """Return the entries of `x` (A, C, ...) at the indices (A, K) of its second dimension."""
    return x.take_along_dim(places.view(*places.shape, *(1 for _ in range(x.dim() - 2))), dim=1)


def _hypothesis(
    score: float, tokens: list[int], history: list[list[float]], parts: Sequence[str]
) -> Hypothesis:
    steps = {
        part: [sum(x for x, owner in zip(step, parts) if owner == part) for step in history]
        for part in parts
    }
    totals = {part: sum(log_probs) for part, log_probs in steps.items()}
    shown = steps.get("attention", steps.get("ctc"))
    return Hypothesis(
        tokens=tuple(tokens),
        score=score,
        ctc_score=totals.get("ctc"),
        attention_score=totals.get("attention"),
        fusion_score=totals.get("fusion"),
        token_confidence=tuple(math.exp(x) for x in shown[: len(tokens)]),
    )
