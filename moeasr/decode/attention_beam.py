"""Beam search over whatever scores the next token: an attention decoder, and others beside it.

What must be asked unit by unit, as a language model must, scores only the likeliest units of each
hypothesis (a fusion, see `moeasr.decode.fusion.protocol`).

All utterances of a batch advance together, one token at a time; those that are done leave. The
scorers keep their own states, so that a decoder computes only the newest token.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from moeasr.decode.fusion.protocol import NUM_FUSION_UNITS, Fusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.models.heads.decoder import DecoderMemory, DecoderPast, TransformerDecoder

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
    """A scorer, and what becomes of its log-probabilities."""

    scorer: StepScorer
    weight: float = 1.0
    """In the sum that the search is after; above 0."""
    part: Literal["attention", "ctc"] = "attention"
    """Which score of the hypotheses they make up, unweighted."""


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
    fusion: Fusion | None = None,
) -> list[list[Hypothesis]]:
    """Find the token sequences of the highest summed log-probability, their end included.

    A hypothesis ends when its end ranks among the `beam_size` best continuations of the beam (so
    a poor early end does not outlive better beginnings), or at its utterance's length limit. An
    utterance is done when `beam_size` hypotheses have ended and no open one can still beat the
    worst of them: the scorers' sum never rises, and the others say what they can still add, so no
    length heuristics are needed.

    Args:
        scorers: Their weighted log-probabilities are summed.
        max_lens: (B,) largest number of tokens; 0 allows the empty hypothesis only.
        beam_size: K, open hypotheses per utterance, and most hypotheses returned.
        sos_eos: Id of <sos/eos>.
        length_penalty: Added to the score for each token; above 0 it favours long hypotheses.
        fusion: A language model, boosted phrases or both, on the same device. It scores the
            `NUM_FUSION_UNITS` likeliest units of each hypothesis, or K if that is more.

    Returns:
        For each utterance up to K hypotheses, the best first. `score` is the weighted sum, the
        length penalty and `fusion_score`; `attention_score` and `ctc_score` are the sums of the
        scorers of that part, `token_confidence` the probabilities that make up the former, or else
        the latter.
    """
    device = max_lens.device
    utts = torch.arange(max_lens.size(0), device=device)  # (A,) utterances still open
    prefixes = torch.full((utts.numel() * beam_size, 1), sos_eos, device=device)  # (A * K, L)
    open_scores = torch.full((utts.numel(), beam_size), NEG_INF, dtype=torch.float64, device=device)
    parts = [scorer.part for scorer in scorers] + ["fusion"] * (fusion is not None)
    history = open_scores.new_zeros(prefixes.size(0), 0, len(parts))  # (A * K, L - 1, S)
    num_units = beam_size  # as many of one hypothesis can win
    if fusion is not None:
        num_units = max(beam_size, NUM_FUSION_UNITS)
        fused = fusion.start().to(device).expand(utts.numel(), beam_size, -1)  # states, (A, K, S)
    open_scores[:, 0] = 0.0
    ended = _Ended.none(utts.numel(), beam_size, history)
    results: list[list[Hypothesis]] = [[] for _ in range(utts.numel())]
    states: list[Any] = [None] * len(scorers)
    while utts.numel() > 0:
        num_tokens = prefixes.size(1) - 1
        row_utts = utts.repeat_interleave(beam_size)
        log_probs, states = _step(scorers, prefixes, row_utts, states)
        scores = sum(weight * part for (_, weight, _), part in zip(scorers, log_probs))
        scores = open_scores[..., None] + scores.view(utts.numel(), beam_size, -1)  # (A, K, V)

        ends = scores[..., sos_eos].clone()
        end_parts = [part[:, sos_eos] for part in log_probs]
        scores[..., sos_eos] = NEG_INF
        scores, units = scores.topk(min(num_units, scores.size(2)), dim=2)  # (A, K, P)
        if fusion is not None:
            gains, grown = fusion.extend(fused[..., None, :], units)
            scores = scores + gains.squeeze(2)
            end_parts.append(fusion.finish(fused).flatten())
            ends = ends + end_parts[-1].view_as(ends)

        open_scores, winners = scores.flatten(1).topk(beam_size, dim=1)
        best = torch.cat([open_scores, ends], dim=1).topk(beam_size, dim=1).values
        is_last = (max_lens[utts] <= num_tokens)[:, None]
        ends = torch.where(is_last | (ends >= best[:, -1:]), ends, NEG_INF)
        ended = ended.add(
            ends + length_penalty * num_tokens,
            prefixes[:, 1:],
            torch.cat([history, torch.stack(end_parts, dim=1)[:, None]], dim=1),
        )

        # No open hypothesis scores more than now, plus the most that the others can still add.
        open_scores = torch.where(is_last, NEG_INF, open_scores)
        best_len = max_lens[utts] if length_penalty > 0 else num_tokens + 1
        bound = open_scores
        if fusion is not None:
            fused = _take(grown.flatten(1, 3), winners)
            bound = bound + fusion.most(fused, (max_lens[utts] - num_tokens - 1)[:, None])
        is_open = bound.amax(dim=1) + length_penalty * best_len > ended.scores[:, -1]
        for index in (~is_open).nonzero().squeeze(1).tolist():
            results[int(utts[index])] = ended.hypotheses(index, parts)

        first_rows = beam_size * torch.arange(utts.numel(), device=device)[:, None]
        rows = (first_rows + winners // scores.size(2))[is_open].flatten()
        tokens = _take(units.flatten(1), winners)[is_open].flatten()
        prefixes = torch.cat([prefixes[rows], tokens[:, None]], dim=1)
        newest = [part[rows, tokens] for part in log_probs]
        if fusion is not None:
            newest.append(_take(gains.flatten(1), winners)[is_open].flatten())
            fused = fused[is_open]
        history = torch.cat([history[rows], torch.stack(newest, dim=1)[:, None]], dim=1)
        states = [entry.scorer.select(state, rows) for entry, state in zip(scorers, states)]
        utts, open_scores, ended = utts[is_open], open_scores[is_open], ended.keep(is_open)
    return results


def _step(
    scorers: Sequence[WeightedScorer], prefixes: Tensor, utts: Tensor, states: Sequence[Any]
) -> tuple[list[Tensor], list[Any]]:
    """Log-probabilities (N, V) float64 of each scorer, and its new state."""
    if not scorers:
        raise ValueError("a beam search needs at least one scorer")
    steps = [entry.scorer.step(prefixes, utts, state) for entry, state in zip(scorers, states)]
    return [log_probs.double() for log_probs, _ in steps], [state for _, state in steps]


@dataclass(frozen=True)
class _Ended:
    """The best hypotheses that have ended, of each open utterance; best first, -inf where none."""

    scores: Tensor  # (A, K)
    lengths: Tensor  # (A, K)
    tokens: Tensor  # (A, K, U)
    history: Tensor  # (A, K, U + 1, S) log-probability of each token and the end, by scorer

    @classmethod
    def none(cls, num_utts: int, beam_size: int, history: Tensor) -> "_Ended":
        scores = history.new_full((num_utts, beam_size), NEG_INF)
        lengths = torch.zeros_like(scores, dtype=torch.int64)
        tokens = lengths[..., None][..., :0]
        return cls(scores, lengths, tokens, history.view(num_utts, beam_size, 0, history.size(2)))

    def add(self, scores: Tensor, tokens: Tensor, history: Tensor) -> "_Ended":
        """Compete with hypotheses that end now: scores (A, K), the others by rows of A * K."""
        num_utts, num_slots = scores.shape
        num_tokens = tokens.size(1)
        tokens, history = (x.view(num_utts, num_slots, *x.shape[1:]) for x in (tokens, history))
        missing = num_tokens - self.tokens.size(2)
        older_history = pad(self.history, (0, 0, 0, num_tokens + 1 - self.history.size(2)))
        candidates = (
            torch.cat([self.lengths, torch.full_like(self.lengths, num_tokens)], dim=1),
            torch.cat([pad(self.tokens, (0, missing)), tokens], dim=1),
            torch.cat([older_history, history], dim=1),
        )
        scores, winners = torch.cat([self.scores, scores], dim=1).topk(num_slots, dim=1)
        return _Ended(scores, *(_take(x, winners) for x in candidates))

    def keep(self, mask: Tensor) -> "_Ended":
        """Only the utterances of the mask (A,)."""
        return _Ended(self.scores[mask], self.lengths[mask], self.tokens[mask], self.history[mask])

    def hypotheses(self, index: int, parts: Sequence[str]) -> list[Hypothesis]:
        """Those of the utterance in place `index`; `parts` says whose the S scores are."""
        found = []
        columns = (self.scores, self.lengths, self.tokens, self.history)
        for score, length, tokens, history in zip(*(c[index].tolist() for c in columns)):
            if score > NEG_INF:
                steps = {
                    part: [
                        sum(x for x, owner in zip(step, parts) if owner == part)
                        for step in history[: length + 1]
                    ]
                    for part in parts
                }
                totals = {part: sum(log_probs) for part, log_probs in steps.items()}
                shown = steps.get("attention", steps.get("ctc"))
                found.append(
                    Hypothesis(
                        tokens=tuple(tokens[:length]),
                        score=score,
                        ctc_score=totals.get("ctc"),
                        attention_score=totals.get("attention"),
                        fusion_score=totals.get("fusion"),
                        token_confidence=tuple(math.exp(x) for x in shown[:length]),
                    )
                )
        return found


def _take(x: Tensor, winners: Tensor) -> Tensor:
    """Of `x` (A, C, ...) those at the places (A, K): (A, K, ...)."""
    return x.take_along_dim(winners.view(*winners.shape, *(1 for _ in range(x.dim() - 2))), dim=1)
