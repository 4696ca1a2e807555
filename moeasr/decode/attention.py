"""Beam search over whatever scores the next token: an attention decoder, and others beside it.

All utterances of a batch advance together, one token at a time; those that are done leave. The
scorers keep their own states, so that a decoder computes only the newest token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis
from moeasr.models.decoder import DecoderMemory, DecoderPast, TransformerDecoder

NEG_INF = float("-inf")


class StepScorer(Protocol):
    """Scores the next token of partial hypotheses. Scores must not be positive."""

    def step(self, prefixes: Tensor, utts: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Score one token more.

        Args:
            prefixes: (N, L) tokens so far, the first one <sos/eos>.
            utts: (N,) to which utterance of the batch each belongs: equally many to each, side by
                side.
            state: None for the first token, then what `select` made of the last step's state.

        Returns:
            (N, V) log-probabilities, that of <sos/eos> being the end; and the new state.
        """
        ...

    def select(self, state: Any, rows: Tensor) -> Any:
        """The state of hypotheses that continue the rows (N',) of a step, in that order."""
        ...


class WeightedScorer(NamedTuple):
    """A scorer, and the weight of its log-probabilities in the sum (at least 0)."""

    scorer: StepScorer
    weight: float = 1.0


class _DecoderState(NamedTuple):
    """What a decoder needs between two steps."""

    past: DecoderPast  # of the rows
    utts: Tensor  # (A,)
    memory: DecoderMemory  # of those utterances


class DecoderScorer:
    """The left-to-right decoder as a step scorer, its inner states cached.

    Args:
        decoder: The decoder.
        enc: (B, T', D) encoder output.
        enc_lens: (B,).
    """

    def __init__(self, decoder: TransformerDecoder, enc: Tensor, enc_lens: Tensor) -> None:
        self._decoder = decoder
        self._memory = decoder.read(enc, enc_lens)

    def step(
        self, prefixes: Tensor, utts: Tensor, state: _DecoderState | None
    ) -> tuple[Tensor, _DecoderState]:
        """See `StepScorer.step`."""
        open_utts = utts.unique_consecutive()
        if state is not None and torch.equal(state.utts, open_utts):
            memory = state.memory
        else:  # copied only when utterances leave, not when hypotheses change places
            memory = self._memory.select(open_utts)
        past = None if state is None else state.past
        log_probs, past = self._decoder.step(prefixes, memory, past)
        return log_probs, _DecoderState(past, open_utts, memory)

    def select(self, state: _DecoderState, rows: Tensor) -> _DecoderState:
        """See `StepScorer.select`."""
        return state._replace(past=state.past.select(rows))


@torch.inference_mode()
def attention_beam_search(
    scorers: Sequence[WeightedScorer],
    max_lens: Tensor,
    beam_size: int,
    sos_eos: int,
    length_penalty: float = 0.0,
) -> list[list[Hypothesis]]:
    """Find the token sequences of the highest summed log-probability, their end included.

    A hypothesis ends when its end ranks among the `beam_size` best continuations of the beam (so
    a poor early end does not outlive better beginnings), or at its utterance's length limit. An
    utterance is done when `beam_size` hypotheses have ended and no open one can still beat the
    worst of them; scores never rise, so no length heuristics are needed.

    Args:
        scorers: Their weighted log-probabilities are summed.
        max_lens: (B,) largest number of tokens; 0 allows the empty hypothesis only.
        beam_size: K, open hypotheses per utterance, and most hypotheses returned.
        sos_eos: Id of <sos/eos>.
        length_penalty: Added to the score for each token; above 0 it favours long hypotheses.

    Returns:
        For each utterance up to K hypotheses, the best first. `attention_score` is the sum without
        the length penalty.
    """
    device = max_lens.device
    utts = torch.arange(max_lens.size(0), device=device)  # (A,) utterances still open
    prefixes = torch.full((utts.numel() * beam_size, 1), sos_eos, device=device)  # (A * K, L)
    open_scores = torch.full((utts.numel(), beam_size), NEG_INF, dtype=torch.float64, device=device)
    open_scores[:, 0] = 0.0
    ended = _Ended.none(utts.numel(), beam_size, device)
    results: list[list[Hypothesis]] = [[] for _ in range(utts.numel())]
    states: list[Any] = [None] * len(scorers)
    while utts.numel() > 0:
        num_tokens = prefixes.size(1) - 1
        row_utts = utts.repeat_interleave(beam_size)
        scores, states = _score(scorers, prefixes, row_utts, states)
        scores = open_scores[..., None] + scores.view(utts.numel(), beam_size, -1)  # (A, K, V)

        ends = scores[..., sos_eos]
        worst_ranked = scores.flatten(1).topk(beam_size, dim=1).values[:, -1:]
        is_last = (max_lens[utts] <= num_tokens)[:, None]
        ends = torch.where(is_last | (ends >= worst_ranked), ends, NEG_INF)
        ended = ended.add(ends, prefixes.view(utts.numel(), beam_size, -1)[..., 1:], length_penalty)

        scores[..., sos_eos] = NEG_INF
        open_scores, winners = scores.flatten(1).topk(beam_size, dim=1)
        open_scores = torch.where(is_last, NEG_INF, open_scores)

        # No open hypothesis scores more than now, plus the most that the penalty can still add.
        best_len = max_lens[utts] if length_penalty > 0 else num_tokens + 1
        bound = open_scores[:, 0] + length_penalty * best_len
        is_open = bound > ended.scores[:, -1]
        for index in (~is_open).nonzero().squeeze(1).tolist():
            results[int(utts[index])] = ended.hypotheses(index)

        first_rows = beam_size * torch.arange(utts.numel(), device=device)[:, None]
        rows = (first_rows + winners // scores.size(2))[is_open].flatten()
        tokens = (winners % scores.size(2))[is_open].flatten()
        prefixes = torch.cat([prefixes[rows], tokens[:, None]], dim=1)
        states = [scorer.select(state, rows) for (scorer, _), state in zip(scorers, states)]
        utts, open_scores, ended = utts[is_open], open_scores[is_open], ended.keep(is_open)
    return results


def _score(
    scorers: Sequence[WeightedScorer], prefixes: Tensor, utts: Tensor, states: Sequence[Any]
) -> tuple[Tensor, list[Any]]:
    """Weighted sum of all scorers, (N, V) float64, and their new states."""
    total, new_states = None, []
    for (scorer, weight), state in zip(scorers, states):
        log_probs, new_state = scorer.step(prefixes, utts, state)
        weighted = weight * log_probs.double()
        total = weighted if total is None else total + weighted
        new_states.append(new_state)
    if total is None:
        raise ValueError("a beam search needs at least one scorer")
    return total, new_states


@dataclass(frozen=True)
class _Ended:
    """The best hypotheses that have ended, of each open utterance; best first, -inf where none."""

    scores: Tensor  # (A, K) with length penalty
    log_probs: Tensor  # (A, K) without
    lengths: Tensor  # (A, K)
    tokens: Tensor  # (A, K, U)

    @classmethod
    def none(cls, num_utts: int, beam_size: int, device: torch.device) -> "_Ended":
        scores = torch.full((num_utts, beam_size), NEG_INF, dtype=torch.float64, device=device)
        lengths = torch.zeros(num_utts, beam_size, dtype=torch.int64, device=device)
        return cls(scores, scores, lengths, lengths[..., None][..., :0])

    def add(self, log_probs: Tensor, tokens: Tensor, length_penalty: float) -> "_Ended":
        """Compete with hypotheses that end now: log_probs (A, K), tokens (A, K, U)."""
        num_slots, num_tokens = self.scores.size(1), tokens.size(2)
        missing = num_tokens - self.tokens.size(2)
        all_tokens = torch.cat([torch.nn.functional.pad(self.tokens, (0, missing)), tokens], dim=1)
        all_log_probs = torch.cat([self.log_probs, log_probs], dim=1)
        all_scores = torch.cat([self.scores, log_probs + length_penalty * num_tokens], dim=1)
        all_lengths = torch.cat([self.lengths, torch.full_like(self.lengths, num_tokens)], dim=1)
        scores, winners = all_scores.topk(num_slots, dim=1)
        return _Ended(
            scores=scores,
            log_probs=all_log_probs.gather(1, winners),
            lengths=all_lengths.gather(1, winners),
            tokens=all_tokens.gather(1, winners[..., None].expand(-1, -1, num_tokens)),
        )

    def keep(self, mask: Tensor) -> "_Ended":
        """Only the utterances of the mask (A,)."""
        return _Ended(
            self.scores[mask], self.log_probs[mask], self.lengths[mask], self.tokens[mask]
        )

    def hypotheses(self, index: int) -> list[Hypothesis]:
        """Those of the utterance in place `index`."""
        columns = (self.scores, self.log_probs, self.lengths, self.tokens)
        return [
            Hypothesis(tokens=tuple(tokens[:length]), score=score, attention_score=log_prob)
            for score, log_prob, length, tokens in zip(*(c[index].tolist() for c in columns))
            if score > NEG_INF
        ]
