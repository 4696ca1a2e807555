"""Scorers of the next token: what a beam search asks for, and the attention decoder as one."""

from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from moeasr.models.heads.decoder import DecoderMemory, DecoderPast, TransformerDecoder


class StepScorer(Protocol):
    """Scores the next token of partial hypotheses. Scores must not be positive."""

    def step(self, prefixes: Tensor, utts: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Score one more token.

        Args:
            prefixes: (N, L) tokens so far, the first one <sos/eos>.
            utts: (N,) the utterance of the batch that each row belongs to: equally many rows for
                each utterance, side by side.
            state: None for the first token, then what `select` made of the last step's state.

        Returns:
            (N, V) log-probabilities, that of <sos/eos> being the end; and the new state.
        """
        ...

    def select(self, state: Any, rows: Tensor) -> Any:
        """Return the state of hypotheses that continue the rows (N',) of a step, in that order."""
        ...


class WeightedScorer(NamedTuple):
    """A scorer, and what becomes of its log-probabilities."""

    scorer: StepScorer
    weight: float
    """Weight in the sum that the search maximises; above 0."""
    part: Literal["attention", "ctc"]
    """The score of the hypotheses that its log-probabilities make up, unweighted."""


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
