"""CTC greedy search on log-probabilities, of whole utterances and of streams, without torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from moeasr.decode.hypothesis import Hypothesis, PartialUnits

if TYPE_CHECKING:
    from torch import Tensor


def ctc_greedy_search(log_probs: "Tensor", enc_lens: "Tensor", blank: int = 0) -> list[Hypothesis]:
    """Return the best label of every frame, with repeats merged and blanks removed.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame.
        enc_lens: (B,) number of frames without padding.
        blank: Id of the blank.

    Returns:
        B hypotheses; the score is the log-probability of the best alignment.
    """
    search = GreedySearch(log_probs.size(0), blank)
    search.advance(log_probs, enc_lens)
    return [hypotheses[0] for hypotheses in search.hypotheses()]


class GreedySearch:
    """The state of greedy search in independent streams.

    Args:
        num_streams: B, number of streams.
        blank: Id of the blank.
    """

    def __init__(self, num_streams: int, blank: int = 0) -> None:
        self._blank = blank
        self._paths = [_Path(last=blank) for _ in range(num_streams)]

    def advance(self, log_probs: "Tensor", lens: "Tensor") -> None:
        """Search the next frames of each stream.

        Args:
            log_probs: (B, C, V) log-probabilities of the new frames.
            lens: (B,) number of new frames without padding, from 0 to C.
        """
        best_values, best_ids = log_probs.max(dim=-1)  # (B, C)
        self.extend(best_ids.tolist(), best_values.tolist(), lens.tolist())

    def extend(
        self, ids: Sequence[list[int]], values: Sequence[list[float]], lens: Sequence[int]
    ) -> None:
        """Extend each stream by the best label of its next frames.

        Args:
            ids: B lists with the best label of each frame.
            values: B lists with the log-probabilities of these labels.
            lens: B numbers of frames without padding.
        """
        for path, stream_ids, stream_values, length in zip(self._paths, ids, values, lens):
            path.extend(stream_ids[:length], stream_values[:length], self._blank)

    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """Return the single hypothesis of each stream; `is_final` does not change it."""
        return [[path.hypothesis()] for path in self._paths]

    def partial(self, first: int = 0) -> list[PartialUnits]:
        """Return the units of each stream from index `first`; all of them are stable."""
        return [PartialUnits(tuple(path.tokens[first:]), ()) for path in self._paths]


@dataclass
class _Path:
    """The best path of one stream."""

    last: int
    """Label of the last frame."""
    score: float = 0.0
    num_frames: int = 0
    tokens: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    """The highest log-probability of each unit within its run."""

    def extend(self, ids: list[int], values: list[float], blank: int) -> None:
        """Extend the path by the best label of each frame and its log-probability."""
        for token, run in groupby(range(len(ids)), key=ids.__getitem__):
            run = list(run)
            best = max(run, key=values.__getitem__)
            span = self.num_frames + run[0], self.num_frames + run[-1] + 1
            goes_on = token == self.last
            self.last = token
            if token == blank:
                continue
            if not goes_on:
                self.tokens.append(token)
                self.frames.append(self.num_frames + best)
                self.spans.append(span)
                self.peaks.append(values[best])
                continue
            self.spans[-1] = self.spans[-1][0], span[1]
            if values[best] > self.peaks[-1]:
                self.frames[-1] = self.num_frames + best
                self.peaks[-1] = values[best]
        self.score += sum(values)
        self.num_frames += len(ids)

    def hypothesis(self) -> Hypothesis:
        return Hypothesis(
            tokens=tuple(self.tokens),
            score=self.score,
            ctc_score=self.score,
            frames=tuple(self.frames),
            spans=tuple(self.spans),
            token_confidence=tuple(math.exp(peak) for peak in self.peaks),
        )
