"""CTC prefix beam search on one stream in NumPy, without torch.

The search and its results are those of `moeasr.decode.ctc.prefix_beam`, without a fusion or with
boosted phrases; see `moeasr.decode.ctc.beam_step` for the recursion, and for the extensions that
cannot enter the beam.
"""

import math
from typing import NamedTuple

import numpy as np

from moeasr.decode.ctc.prefix_history import NEG_INF, History, Run
from moeasr.decode.hypothesis import Hypothesis, PartialUnits
from moeasr.deploy.phrase_scorer import PhraseScorer, PhraseState

EMPTY_KEY = 1
MAX_UNDECIDED = 2000
NUM_PHRASE_UNITS = 20
"""Number of likeliest units per frame that may extend a prefix if phrases are boosted, as in
`moeasr.decode.fusion.protocol`."""
NO_PHRASE = PhraseState(0, False)


class _Units(NamedTuple):
    """The units that a prefix has gained in a chunk, the last one first."""

    unit: int
    before: "_Units | None"


class _Prefix(NamedTuple):
    """A prefix of the beam. Equal keys mean equal units: they are 64-bit hashes."""

    key: int
    parent: int
    """Key of the prefix without its last unit."""
    last: int
    """Last unit; the blank for the empty prefix."""
    log_blank: float
    """Log-probability of all alignments that end in a blank."""
    log_unit: float
    """Log-probability of all alignments that end in the last unit."""
    total: float
    origin: int
    """Rank of the prefix, or of its beginning, before the chunk."""
    grown: _Units | None
    """Units of this chunk."""
    boost: float = 0.0
    """Score of boosted phrases."""
    phrase: PhraseState = NO_PHRASE
    """State of boosted phrases."""

    @property
    def score(self) -> float:
        """The score by which the beam is sorted."""
        return self.total + self.boost


class PrefixSearch:
    """The state of the search in one stream, see `moeasr.decode.live.first_pass.FirstPass`.

    Args:
        beam_size: Number of prefixes kept after each frame.
        blank: Id of the blank.
        max_undecided: As in `PrefixBeam`; None for no limit.
        phrases: Boosted phrases; None for none.
    """

    def __init__(
        self,
        beam_size: int,
        blank: int = 0,
        max_undecided: int | None = MAX_UNDECIDED,
        phrases: PhraseScorer | None = None,
    ) -> None:
        self._beam_size = beam_size
        self._blank = blank
        self._max_undecided = max_undecided
        self._phrases = phrases
        start = NO_PHRASE if phrases is None else phrases.start()
        self._beam = [_Prefix(EMPTY_KEY, 0, blank, 0.0, NEG_INF, 0.0, 0, None, 0.0, start)]
        self._history = History.initial(1, with_frames=False)

    def advance(self, log_probs: np.ndarray, lens: np.ndarray) -> None:
        """Search the next frames.

        Args:
            log_probs: (1, C, V) log-probabilities of the new frames.
            lens: (1,) number of frames without padding.
        """
        frames = log_probs[0, : int(lens[0])]
        beam = [p._replace(origin=rank, grown=None) for rank, p in enumerate(self._beam)]
        for frame, values, units in zip(frames, *self._likeliest(frames)):
            beam = self._extend(beam, frame, values, units)
        self._beam = beam
        self._history.append([Run(p.origin, _listed(p.grown), [], []) for p in beam])
        if self._max_undecided is not None:
            self._beam = [beam[slot] for slot in self._history.decide(self._max_undecided)]

    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """Return the prefixes of the beam, best first, in a list for the one stream.

        The end of the utterance (`is_final`) removes the boost of incomplete phrases.
        """
        history, phrases, found = self._history, self._phrases, []
        for slot, prefix in enumerate(self._beam):
            boost = prefix.boost
            if phrases is not None and is_final:
                boost += phrases.finish(prefix.phrase)
            shown = None if phrases is None else boost
            found.append(history.hypothesis(slot, prefix.total + boost, prefix.total, shown))
        return [sorted(found, key=lambda hypothesis: hypothesis.score, reverse=True)]

    def partial(self, first: int = 0) -> list[PartialUnits]:
        """Return the units from index `first`; the units before it must be stable."""
        return [self._history.partial(0, first)]

    def _likeliest(self, frames: np.ndarray) -> tuple[list[list[float]], list[list[int]]]:
        """Return the log-probabilities and ids of the likeliest units but the blank, per frame."""
        num_tried = self._beam_size + 1 if self._phrases is None else NUM_PHRASE_UNITS
        count = min(num_tried, frames.shape[1] - 1)
        units = np.arange(frames.shape[1]) != self._blank
        others = np.where(units, frames, NEG_INF)
        chosen = np.argpartition(-others, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(others, chosen, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        values = np.take_along_axis(values, order, axis=1)
        return values.tolist(), np.take_along_axis(chosen, order, axis=1).tolist()

    def _extend(
        self, beam: list[_Prefix], frame: np.ndarray, values: list[float], units: list[int]
    ) -> list[_Prefix]:
        """Return the beam after one frame, given its likeliest units."""
        by_key = {prefix.key: prefix for prefix in beam}
        blank = float(frame[self._blank])
        found = []
        for p in beam:
            log_unit, parent = p.log_unit, by_key.get(p.parent)
            if parent is not None:
                grown = parent.log_blank if parent.last == p.last else parent.total
                log_unit = _log_add(log_unit, grown)
            log_blank, log_unit = p.total + blank, log_unit + float(frame[p.last])
            total = _log_add(log_blank, log_unit)
            if total > NEG_INF:
                found.append(p._replace(log_blank=log_blank, log_unit=log_unit, total=total))
        for rank, p in enumerate(beam):
            num_tried = len(units)
            if self._phrases is None:
                num_tried = self._beam_size // (rank + 1) + 1
            for value, unit in zip(values[:num_tried], units):
                total = value + (p.log_blank if unit == p.last else p.total)
                key = hash((p.key, unit))
                if total > NEG_INF and key not in by_key:
                    grown = _Units(unit, p.grown)
                    child = _Prefix(key, p.key, unit, NEG_INF, total, total, p.origin, grown)
                    found.append(self._boosted(child, p))
        found.sort(key=lambda prefix: prefix.score, reverse=True)
        return found[: self._beam_size]

    def _boosted(self, child: _Prefix, parent: _Prefix) -> _Prefix:
        """Add the score of phrases to a new prefix."""
        if self._phrases is None:
            return child
        gain, state = self._phrases.extend(parent.phrase, child.last)
        return child._replace(boost=parent.boost + gain, phrase=state)


def _listed(units: _Units | None) -> list[int]:
    """Return the units in their order."""
    found = []
    while units is not None:
        found.append(units.unit)
        units = units.before
    return found[::-1]


def _log_add(left: float, right: float) -> float:
    """Return log(exp(left) + exp(right))."""
    high, low = (left, right) if left > right else (right, left)
    return high if low == NEG_INF else high + math.log1p(math.exp(low - high))
