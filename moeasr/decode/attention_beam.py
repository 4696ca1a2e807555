"""Beam search over whatever scores the next token: an attention decoder, and others beside it.

All utterances of a batch advance together, one token at a time, in four steps: the scorers score
the continuations of all hypotheses, some hypotheses end, the best continuations are chosen, and
utterances that are done leave the beam. The scorers keep their own states, so that a decoder
computes only the newest token.

Scorers that must be asked unit by unit, such as language models, score only the likeliest units of
each hypothesis (a fusion, see `moeasr.decode.fusion.protocol`).

Letters: B utterances of the batch, A of them not done yet, K hypotheses of each, L tokens of a
prefix with <sos/eos>, V tokens, P of them tried as continuations, S scorers with the fusion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from moeasr.decode.ended_hypotheses import NEG_INF, EndedHypotheses, take
from moeasr.decode.fusion.protocol import NUM_FUSION_UNITS, Fusion, NoFusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.step_scorer import WeightedScorer


@torch.inference_mode()
def attention_beam_search(
    scorers: Sequence[WeightedScorer],
    max_lens: Tensor,
    *,
    beam_size: int,
    sos_eos: int,
    length_penalty: float,
    fusion: Fusion | None,
) -> list[list[Hypothesis]]:
    """Find the token sequences of the highest summed log-probability, their end included.

    A hypothesis ends when its end ranks among the `beam_size` best continuations of the beam (so
    a poor early end does not outlive better beginnings), or at its utterance's length limit. An
    utterance is done when `beam_size` hypotheses have ended and no open one can still beat the
    worst of them: the scorers' sum never rises, and fusion and length penalty say what they can
    still add, so no length heuristics are needed.

    Args:
        scorers: Their weighted log-probabilities are summed.
        max_lens: (B,) largest number of tokens; 0 allows the empty hypothesis only.
        beam_size: K, open hypotheses per utterance, and most hypotheses returned.
        sos_eos: Id of <sos/eos>.
        length_penalty: Added to the score for each token; above 0 it favours long hypotheses.
        fusion: A language model, boosted phrases or both, on the same device; None for neither. It
            scores the `NUM_FUSION_UNITS` likeliest units of each hypothesis, or K if that is more.

    Returns:
        For each utterance up to K hypotheses, the best first. `score` is the weighted sum, the
        length penalty and `fusion_score`; `attention_score` and `ctc_score` are the sums of the
        scorers of that part, `token_confidence` the probabilities that make up the former, or else
        the latter.
    """
    if not scorers:
        raise ValueError("a beam search needs at least one scorer")
    search = _Search(
        scorers=scorers,
        beam_size=beam_size,
        num_units=beam_size if fusion is None else max(beam_size, NUM_FUSION_UNITS),
        sos_eos=sos_eos,
        length_penalty=length_penalty,
        fusion=NoFusion() if fusion is None else fusion,
        parts=[scorer.part for scorer in scorers] + ["fusion"] * (fusion is not None),
    )
    beam = search.start(max_lens)
    results: dict[int, list[Hypothesis]] = {}
    while beam.utts.numel() > 0:
        step = search.score(beam)
        ended = search.end(beam, step)
        growth = search.choose(beam, step)
        beam, done = search.prune(beam, step, growth, ended)
        results |= done
    return [results[utt] for utt in range(max_lens.numel())]


@dataclass(frozen=True)
class _Beam:
    """The open hypotheses of the utterances that are not done, and those that have ended."""

    utts: Tensor  # (A,) place of each utterance in the batch
    max_lens: Tensor  # (A,)
    scores: Tensor  # (A, K) float64 without length penalty; -inf is an empty slot
    prefixes: Tensor  # (A * K, L) tokens, the first one <sos/eos>
    history: Tensor  # (A * K, L - 1, S) log-probability of each token
    states: Sequence[Any]  # of the scorers
    fusion_states: Tensor  # (A, K, ...)
    ended: EndedHypotheses

    @property
    def num_tokens(self) -> int:
        """Tokens of each open hypothesis."""
        return self.prefixes.size(1) - 1

    @property
    def is_last(self) -> Tensor:
        """(A, 1) True for utterances whose hypotheses may not grow."""
        return (self.max_lens <= self.num_tokens)[:, None]


@dataclass(frozen=True)
class _Step:
    """The continuations of a beam by one token."""

    scores: Tensor  # (A, K, P) of the hypotheses with one more unit
    units: Tensor  # (A, K, P)
    gains: Tensor  # (A, K, P) what the fusion adds for the unit
    fusion_states: Tensor  # (A, K, P, ...)
    log_probs: Sequence[Tensor]  # (A * K, V) of each scorer, float64
    states: Sequence[Any]  # of the scorers
    end_scores: Tensor  # (A, K) of the hypotheses that end here
    end_parts: Tensor  # (A * K, S) log-probability of the end


@dataclass(frozen=True)
class _Growth:
    """The K best continuations of each utterance."""

    scores: Tensor  # (A, K); -inf is an empty slot
    rows: Tensor  # (A, K) which of the A * K hypotheses each continues
    tokens: Tensor  # (A, K)
    parts: Tensor  # (A, K, S) log-probability of the token
    fusion_states: Tensor  # (A, K, ...)


@dataclass(frozen=True, kw_only=True)
class _Search:
    """The four steps, and the settings that they read."""

    scorers: Sequence[WeightedScorer]
    beam_size: int
    num_units: int
    """Continuations that are tried of each hypothesis."""
    sos_eos: int
    length_penalty: float
    fusion: Fusion
    parts: Sequence[str]
    """The scores of a hypothesis that the scorers belong to."""

    def start(self, max_lens: Tensor) -> _Beam:
        """Return the beam of the empty hypothesis."""
        num_utts, device = max_lens.numel(), max_lens.device
        scores = torch.full((num_utts, self.beam_size), NEG_INF, dtype=torch.float64, device=device)
        num_scorers = len(self.scorers) + 1
        ended = EndedHypotheses.none(scores, num_scorers)
        scores[:, 0] = 0.0
        return _Beam(
            utts=torch.arange(num_utts, device=device),
            max_lens=max_lens,
            scores=scores,
            prefixes=torch.full((scores.numel(), 1), self.sos_eos, device=device),
            history=scores.new_zeros(scores.numel(), 0, num_scorers),
            states=[None] * len(self.scorers),
            fusion_states=self.fusion.start().to(device).expand(*scores.shape, -1),
            ended=ended,
        )

    def score(self, beam: _Beam) -> _Step:
        """Score the likeliest units behind each hypothesis, and its end."""
        rows = beam.utts.repeat_interleave(self.beam_size)
        steps = [
            scorer.step(beam.prefixes, rows, state)
            for (scorer, _, _), state in zip(self.scorers, beam.states)
        ]
        log_probs = [scores.double() for scores, _ in steps]
        scores = sum(weight * part for (_, weight, _), part in zip(self.scorers, log_probs))
        scores = beam.scores[..., None] + scores.unflatten(0, beam.scores.shape)  # (A, K, V)
        end_scores = scores[..., self.sos_eos].clone()
        scores[..., self.sos_eos] = NEG_INF
        scores, units = scores.topk(min(self.num_units, scores.size(2)), dim=2)
        gains, fusion_states = self.fusion.extend(beam.fusion_states[..., None, :], units)
        end_gains = self.fusion.finish(beam.fusion_states)
        end_parts = [part[:, self.sos_eos] for part in log_probs] + [end_gains.flatten()]
        return _Step(
            scores=scores + gains.squeeze(2),
            units=units,
            gains=gains.squeeze(2),
            fusion_states=fusion_states.squeeze(2),
            log_probs=log_probs,
            states=[state for _, state in steps],
            end_scores=end_scores + end_gains,
            end_parts=torch.stack(end_parts, dim=1),
        )

    def end(self, beam: _Beam, step: _Step) -> EndedHypotheses:
        """End the hypotheses whose end is among the best continuations, or that may not grow."""
        everything = torch.cat([step.scores.flatten(1), step.end_scores], dim=1)
        worst = everything.topk(self.beam_size, dim=1).values[:, -1:]
        ends_now = beam.is_last | (step.end_scores >= worst)
        end_scores = torch.where(ends_now, step.end_scores, NEG_INF)
        return beam.ended.add(
            end_scores + self.length_penalty * beam.num_tokens,
            beam.prefixes[:, 1:],
            torch.cat([beam.history, step.end_parts[:, None]], dim=1),
        )

    def choose(self, beam: _Beam, step: _Step) -> _Growth:
        """Choose the best continuations of each utterance."""
        scores, winners = step.scores.flatten(1).topk(self.beam_size, dim=1)
        first_rows = self.beam_size * torch.arange(scores.size(0), device=scores.device)
        rows = first_rows[:, None] + winners // step.scores.size(2)
        tokens = take(step.units.flatten(1), winners)
        parts = [part[rows, tokens] for part in step.log_probs]
        return _Growth(
            scores=torch.where(beam.is_last, NEG_INF, scores),
            rows=rows,
            tokens=tokens,
            parts=torch.stack([*parts, take(step.gains.flatten(1), winners)], dim=2),
            fusion_states=take(step.fusion_states.flatten(1, 2), winners),
        )

    def prune(
        self, beam: _Beam, step: _Step, growth: _Growth, ended: EndedHypotheses
    ) -> tuple[_Beam, dict[int, list[Hypothesis]]]:
        """Return the next beam, of the utterances that are not done, and the others' results.

        No open hypothesis will score more than now, plus the most that fusion and length penalty
        can still add.
        """
        room = (beam.max_lens - beam.num_tokens - 1)[:, None]
        bound = growth.scores + self.fusion.most(growth.fusion_states, room)
        best_len = beam.max_lens if self.length_penalty > 0 else beam.num_tokens + 1
        bound = bound.amax(dim=1) + self.length_penalty * best_len
        is_open = bound > ended.scores[:, -1]
        done = {
            int(beam.utts[place]): ended.hypotheses(place, self.parts)
            for place in (~is_open).nonzero().squeeze(1).tolist()
        }
        rows = growth.rows[is_open].flatten()
        tokens, parts = growth.tokens[is_open].view(-1, 1), growth.parts[is_open]
        kept = _Beam(
            utts=beam.utts[is_open],
            max_lens=beam.max_lens[is_open],
            scores=growth.scores[is_open],
            prefixes=torch.cat([beam.prefixes[rows], tokens], dim=1),
            history=torch.cat([beam.history[rows], parts.flatten(0, 1)[:, None]], dim=1),
            states=[
                entry.scorer.select(state, rows) for entry, state in zip(self.scorers, step.states)
            ],
            fusion_states=growth.fusion_states[is_open],
            ended=ended.select(is_open),
        )
        return kept, done
