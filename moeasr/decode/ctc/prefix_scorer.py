"""CTC as a scorer of next tokens: the probability that the transcript begins with a prefix.

Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (IEEE JSTSP
11(8), 2017), algorithm 2. Each prefix h has, for every frame t, the probabilities of all
alignments of frames 1..t to h that end in its last unit, gamma_n(t), and in a blank, gamma_b(t).
Let g be h without its last unit c, and y_t the output probabilities. Then

    phi(t)       = gamma_b^g(t-1) + [last(g) != c] gamma_n^g(t-1)
    gamma_n^h(t) = (gamma_n^h(t-1) + phi(t)) y_t(c)
    gamma_b^h(t) = (gamma_b^h(t-1) + gamma_n^h(t-1)) y_t(blank)
    psi(h)       = sum_t phi(t) y_t(c)

where psi(h) is the probability of all transcripts that begin with h. The probability of h itself is
gamma_n^h(T') + gamma_b^h(T'). The score of a step is log psi(h) - log psi(g), so the scores of a
whole hypothesis and its end sum to its CTC log-probability.

The paper loops over frames and tokens. Here psi of all V tokens is one matrix product, without
choosing candidates first, and the recursion over frames is solved in closed form.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

NEG_INF = float("-inf")
IMPOSSIBLE = -1000.0  # finite log-probability whose exponential is 0
NO_TOKEN = -1


class _State(NamedTuple):
    """The forward probabilities of each row's prefix, for the next step."""

    log_unit: Tensor  # (N, T' + 1) log gamma_n before the first frame and after each
    log_blank: Tensor  # (N, T' + 1) log gamma_b
    last: Tensor  # (N,) its last token
    utts: Tensor  # (A,) the utterances that the rows belong to
    probs: Tensor  # (A, T', V) of those utterances


class CtcPrefixScorer:
    """The CTC head as a step scorer (`moeasr.decode.step_scorer.StepScorer`), in float64.

    Args:
        log_probs: (B, T', V) CTC log-probabilities, clamped to at least -1000.
        enc_lens: (B,) number of frames without padding.
        sos_eos: Id of <sos/eos>, whose score is that of the end.
        blank: Id of the blank, whose score is -inf because it is not a token.
    """

    def __init__(self, log_probs: Tensor, enc_lens: Tensor, sos_eos: int, blank: int = 0) -> None:
        # A padding frame is blank with probability 1, which changes no other probability.
        is_padding = torch.arange(log_probs.size(1), device=log_probs.device) >= enc_lens[:, None]
        log_probs = log_probs.double().clamp_min(IMPOSSIBLE)
        log_probs = log_probs.masked_fill(is_padding[..., None], IMPOSSIBLE)
        log_probs[..., blank].masked_fill_(is_padding, 0.0)
        self._log_probs = log_probs
        self._probs = log_probs.exp()
        self._sos_eos = sos_eos
        self._blank = blank

    def step(self, prefixes: Tensor, utts: Tensor, state: _State | None) -> tuple[Tensor, _State]:
        """Score every possible next token, see `StepScorer.step`."""
        if state is None:
            state = self._begin(utts)
            new_tokens = prefixes[:, 1:]
        else:
            new_tokens = prefixes[:, -1:]
        log_psi = torch.zeros_like(
            state.log_blank[:, 0]
        )  # every transcript begins with the empty prefix
        for tokens in new_tokens.unbind(1):
            state, log_psi = self._extend(state, tokens, utts)
        open_utts = utts.unique_consecutive()
        if not torch.equal(state.utts, open_utts):  # some utterances are done
            state = state._replace(utts=open_utts, probs=self._probs[open_utts])
        return self._score_all(state, log_psi, utts), state

    def select(self, state: _State, rows: Tensor) -> _State:
        """Return the state of the hypotheses that are kept, see `StepScorer.select`."""
        return state._replace(
            log_unit=state.log_unit[rows],
            log_blank=state.log_blank[rows],
            last=state.last[rows],
        )

    def _begin(self, utts: Tensor) -> _State:
        """Return the state of the empty prefix, which only blanks align to."""
        log_blank = pad(self._log_probs[utts, :, self._blank].cumsum(dim=1), (1, 0))
        return _State(
            log_unit=torch.full_like(log_blank, NEG_INF),
            log_blank=log_blank,
            last=torch.full_like(utts, NO_TOKEN),
            utts=torch.arange(self._probs.size(0), device=utts.device),
            probs=self._probs,
        )

    def _extend(self, state: _State, tokens: Tensor, utts: Tensor) -> tuple[_State, Tensor]:
        """Extend the prefixes by tokens (N,); return the new state, and log psi (N,) of each."""
        label = self._log_probs[utts, :, tokens]  # (N, T')
        either = torch.logaddexp(state.log_blank, state.log_unit)
        arrival = torch.where((tokens == state.last)[:, None], state.log_blank, either)[:, :-1]
        log_unit = _accumulate(arrival, label)
        log_blank = _accumulate(log_unit[:, :-1], self._log_probs[utts, :, self._blank])
        log_psi = (arrival + label).logsumexp(dim=1)
        return state._replace(log_unit=log_unit, log_blank=log_blank, last=tokens), log_psi

    def _score_all(self, state: _State, prefix_log_psi: Tensor, utts: Tensor) -> Tensor:
        """Return (N, V) log psi of each prefix and one more token, minus log psi of the prefix."""
        either = torch.logaddexp(state.log_blank, state.log_unit)  # (N, T' + 1)
        peak = either.amax(dim=1, keepdim=True).clamp_min(torch.finfo(either.dtype).min)
        arrival = (either - peak)[:, :-1].exp()  # (N, T'), products with it do not underflow
        num_utts, num_frames, vocab_size = state.probs.shape
        mass = arrival.view(num_utts, -1, num_frames) @ state.probs  # (A, N / A, V)
        log_psi = mass.view(-1, vocab_size).log() + peak

        # A repetition of the last unit needs a blank in between.
        last = state.last.clamp_min(0)[:, None]
        label = self._log_probs[utts, :, last[:, 0]]
        again = (state.log_blank[:, :-1] + label).logsumexp(dim=1, keepdim=True)
        again = torch.where(state.last[:, None] == NO_TOKEN, log_psi.gather(1, last), again)
        log_psi = log_psi.scatter(1, last, again)

        log_psi[:, self._blank] = NEG_INF
        log_psi[:, self._sos_eos] = either[:, -1]
        # Finite, because -inf minus -inf would be NaN for continuations of an impossible prefix.
        whole = prefix_log_psi.clamp_min(torch.finfo(log_psi.dtype).min)[:, None]
        return (log_psi - whole).clamp_max(0.0)


def _accumulate(inflow: Tensor, label: Tensor) -> Tensor:
    """Solve x(t) = (x(t-1) + inflow(t)) label(t), x(0) = 0, in logarithms.

    Let S(t) be the sum of the log labels up to t. Then x(t) / exp S(t) is the cumulative sum of
    inflow(t) / exp S(t-1).

    Args:
        inflow: (N, T') logarithms, which may be -inf.
        label: (N, T') logarithms, which are finite.

    Returns:
        (N, T' + 1) logarithms of x, beginning with x(0).
    """
    sums = label.cumsum(dim=1)
    return pad((inflow - sums + label).logcumsumexp(dim=1) + sums, (1, 0), value=NEG_INF)
