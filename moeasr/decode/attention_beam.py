"""Beam search with one or more scorers of the next token, such as an attention decoder and CTC.

All utterances of a batch advance together, one token at a time, in four steps: the scorers score
the continuations of all hypotheses, some hypotheses end, the best continuations are chosen, and
utterances that are done leave the beam. The search keeps the states of the scorers, so a decoder
computes only the newest token.

Scorers that need one call per unit, such as language models, score only the likeliest units of
each hypothesis (a fusion, see `moeasr.decode.fusion.protocol`).

Symbols in shapes: B utterances in the batch, A of them not done yet, K hypotheses per utterance,
L tokens per prefix including <sos/eos>, V tokens in the vocabulary, P of them tried as
continuations, S scorers including the fusion.
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
    """Find the token sequences with the highest sum of log-probabilities, including that of <eos>.

    A hypothesis ends when its end ranks among the `beam_size` best continuations of the beam, or
    when it reaches the length limit of its utterance. The first rule prevents an early end with a
    low score from displacing better unfinished hypotheses. An utterance is done when `beam_size`
    hypotheses have ended and no open one can still beat the worst of them. The sum of the scorers
    never rises, and fusion and length penalty bound what they can still add, so the search needs no
    length heuristics.

    Args:
        scorers: The scorers, whose weighted log-probabilities are summed.
        max_lens: (B,) largest number of tokens; 0 allows the empty hypothesis only.
        beam_size: K, number of open hypotheses per utterance and of hypotheses returned at most.
        sos_eos: Id of <sos/eos>.
        length_penalty: Added to the score for each token; above 0 it favours long hypotheses.
        fusion: A language model, boosted phrases or both, on the same device; None if there is
            none. It scores the `NUM_FUSION_UNITS` likeliest units of each hypothesis, or K if that
            is more.

    Returns:
        Up to K hypotheses for each utterance, the best first. `score` is the weighted sum plus
        length penalty and `fusion_score`. `attention_score` and `ctc_score` are the unweighted
        sums of the scorers of that part. `token_confidence` holds the token probabilities of the
        attention scorers, or of the CTC scorers if there are no attention scorers.
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
    max_lens: Tensor  # (A,) largest number of tokens of each utterance
    scores: Tensor  # (A, K) float64 without length penalty; -inf is an empty slot
    prefixes: Tensor  # (A * K, L) tokens, the first one <sos/eos>
    history: Tensor  # (A * K, L - 1, S) log-probability of each token
    states: Sequence[Any]  # the state of each scorer
    fusion_states: Tensor  # (A, K, ...)
    ended: EndedHypotheses

    @property
    def num_tokens(self) -> int:
        """Number of tokens in each open hypothesis."""
        return self.prefixes.size(1) - 1

    @property
    def is_last(self) -> Tensor:
        """Mask (A, 1), True for utterances whose hypotheses have reached the length limit."""
        return (self.max_lens <= self.num_tokens)[:, None]


@dataclass(frozen=True)
class _Step:
    """The continuations of a beam by one token."""

    scores: Tensor  # (A, K, P) scores of the hypotheses extended by one unit
    units: Tensor  # (A, K, P) ids of these units
    gains: Tensor  # (A, K, P) scores that the fusion adds for the units
    fusion_states: Tensor  # (A, K, P, ...)
    log_probs: Sequence[Tensor]  # (A * K, V) log-probabilities by each scorer, float64
    states: Sequence[Any]  # the state of each scorer
    end_scores: Tensor  # (A, K) scores of the hypotheses if they end here
    end_parts: Tensor  # (A * K, S) log-probability of the end by each scorer


@dataclass(frozen=True)
class _Growth:
    """The K best continuations of each utterance."""

    scores: Tensor  # (A, K); -inf is an empty slot
    rows: Tensor  # (A, K) index of the hypothesis that each continues, among A * K
    tokens: Tensor  # (A, K) the new token of each continuation
    parts: Tensor  # (A, K, S) log-probability of the new token by each scorer
    fusion_states: Tensor  # (A, K, ...)


@dataclass(frozen=True, kw_only=True)
class _Search:
    """The four steps of the search and their settings."""

    scorers: Sequence[WeightedScorer]
    beam_size: int
    num_units: int
    """Number of continuations tried for each hypothesis."""
    sos_eos: int
    length_penalty: float
    fusion: Fusion
    parts: Sequence[str]
    """Name of the hypothesis score that each scorer contributes to."""

    def start(self, max_lens: Tensor) -> _Beam:
        """Return the initial beam, which holds the empty hypothesis of each utterance."""
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
        """Score the likeliest next units of each hypothesis, and its end."""
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
        """End hypotheses whose end is among the best continuations or that are at the limit."""
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
        """Return the next beam, and the results of the utterances that are done.

        An utterance is done when none of its open hypotheses can still get into its n-best list.
        The final score of an open hypothesis is at most its current score plus an upper bound on
        what fusion and length penalty can still add.
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
