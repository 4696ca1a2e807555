"""The interface of scorers of the next token, and its implementation by an attention decoder."""

from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from moeasr.models.heads.decoder import DecoderMemory, DecoderPast, TransformerDecoder


class StepScorer(Protocol):
    """A scorer of the next token of partial hypotheses. Scores must not be positive."""

    def step(self, prefixes: Tensor, utts: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Score every possible next token of N partial hypotheses.

        Args:
            prefixes: (N, L) tokens so far, the first one <sos/eos>.
            utts: (N,) index of each row's utterance in the batch. All utterances have the same
                number of rows, which are consecutive.
            state: None for the first token, afterwards the result of `select` for the last step.

        Returns:
            (N, V) log-probabilities, where <sos/eos> stands for the end, and the new state.
        """
        ...

    def select(self, state: Any, rows: Tensor) -> Any:
        """Return the state of the hypotheses that the search keeps after a step.

        Args:
            state: The new state that `step` returned for its N hypotheses.
            rows: (N',) index, among these N, of the hypothesis that each kept one continues.
        """
        ...


class WeightedScorer(NamedTuple):
    """A scorer with its weight in the search."""

    scorer: StepScorer
    weight: float
    """Weight in the sum that the search maximises; above 0."""
    part: Literal["attention", "ctc"]
    """Name of the hypothesis score that sums its unweighted log-probabilities."""


class _DecoderState(NamedTuple):
    """The state of a decoder between two steps."""

    past: DecoderPast  # the cache of each hypothesis
    utts: Tensor  # (A,) index of each remaining utterance in the batch
    memory: DecoderMemory  # the encoder output of these utterances


class DecoderScorer:
    """The left-to-right decoder as a step scorer, with a cache of its hidden states.

    Args:
        decoder: The decoder.
        enc: (B, T', D) encoder output.
        enc_lens: (B,) encoder frames of each utterance.
    """

    def __init__(self, decoder: TransformerDecoder, enc: Tensor, enc_lens: Tensor) -> None:
        self._decoder = decoder
        self._memory = decoder.read(enc, enc_lens)

    def step(
        self, prefixes: Tensor, utts: Tensor, state: _DecoderState | None
    ) -> tuple[Tensor, _DecoderState]:
        """Score every possible next token, see `StepScorer.step`."""
        open_utts = utts.unique_consecutive()
        if state is not None and torch.equal(state.utts, open_utts):
            memory = state.memory
        else:  # copied only when utterances leave, not when hypotheses are reordered
            memory = self._memory.select(open_utts)
        past = None if state is None else state.past
        log_probs, past = self._decoder.step(prefixes, memory, past)
        return log_probs, _DecoderState(past, open_utts, memory)

    def select(self, state: _DecoderState, rows: Tensor) -> _DecoderState:
        """Return the state of the hypotheses that are kept, see `StepScorer.select`."""
        return state._replace(past=state.past.select(rows))
