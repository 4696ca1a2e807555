"""The history of the prefixes of a beam: their units and frames across chunks, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from moeasr.decode.hypothesis import Hypothesis, PartialUnits

NEG_INF = float("-inf")


class Run(NamedTuple):
    """The growth of one prefix during a chunk."""

    origin: int
    """Slot of the prefix before the chunk."""
    tokens: list[int]
    """New units of the chunk."""
    frames: list[int]
    """Frame of the chunk in which each unit was most probable. The first entry is for the last unit
    before the chunk, which lasts until the first new unit; the new units follow. Empty if frames
    are not requested."""
    peaks: list[float]
    """Log-probability of the unit of each entry of `frames` in that frame."""


class _Path(NamedTuple):
    """The undecided end of a prefix. The frame of its last unit may still change."""

    tokens: tuple[int, ...] = ()
    frames: tuple[int, ...] = ()
    peak: float = NEG_INF
    """Log-probability of the last unit in its frame."""


@dataclass
class History:
    """The prefixes of one stream: the units they share, and the undecided end of each."""

    paths: list[_Path]
    with_frames: bool
    tokens: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    num_frames: int = 0

    @classmethod
    def initial(cls, beam_size: int, with_frames: bool) -> "History":
        """Return the history of a stream before its first frame."""
        return cls([_Path()] * beam_size, with_frames)

    def append(self, runs: Sequence[Run]) -> None:
        """Append the growth of the prefixes that remain after the next chunk, best first."""
        paths = [self._continue(self.paths[run.origin], run) for run in runs]
        # The last unit of a prefix stays undecided, because its frame may change. Frames may differ
        # between equal tokens if a prefix left the beam and returned.
        tokens = _shared([path.tokens[:-1] for path in paths])
        frames = _shared([path.frames[: len(tokens)] for path in paths])
        self._set_aside(tokens[: len(frames)] if self.with_frames else tokens, frames, paths)

    def decide(self, max_undecided: int) -> list[int]:
        """Decide the oldest units of the best prefix if more than `max_undecided` are undecided.

        Returns:
            Slots of the prefixes that agree with these units; all others are dropped.
        """
        best = self.paths[0] if self.paths else _Path()
        num_decided = len(best.tokens) - max_undecided
        if num_decided <= 0:
            return list(range(len(self.paths)))
        decided = best.tokens[:num_decided]
        kept = [n for n, path in enumerate(self.paths) if path.tokens[:num_decided] == decided]
        self._set_aside(decided, best.frames[:num_decided], [self.paths[slot] for slot in kept])
        return kept

    def _set_aside(
        self, tokens: Sequence[int], frames: Sequence[int], paths: Sequence[_Path]
    ) -> None:
        """Move the units that all `paths` begin with to the decided units."""
        self.tokens += tokens
        self.frames += frames
        num_tokens = len(tokens)
        self.paths = [
            _Path(path.tokens[num_tokens:], path.frames[num_tokens:], path.peak) for path in paths
        ]

    def _continue(self, path: _Path, run: Run) -> _Path:
        tokens, frames, peak = (*path.tokens, *run.tokens), path.frames, path.peak
        if not self.with_frames:
            return _Path(tokens)
        if frames and run.peaks[0] > peak:
            frames, peak = (*frames[:-1], run.frames[0]), run.peaks[0]
        return _Path(tokens, (*frames, *run.frames[1:]), run.peaks[-1] if run.tokens else peak)

    def hypothesis(
        self, slot: int, score: float, ctc_score: float, fusion_score: float | None
    ) -> Hypothesis:
        """Return the prefix in a slot as a hypothesis."""
        path = self.paths[slot]
        return Hypothesis(
            tokens=(*self.tokens, *path.tokens),
            score=score,
            ctc_score=ctc_score,
            fusion_score=fusion_score,
            frames=(*self.frames, *path.frames) if self.with_frames else None,
        )

    def partial(self, slot: int, first: int) -> PartialUnits:
        """Return the units from `first` on as `PrefixBeam.partial`; `slot` has the best prefix."""
        shared = _shared([path.tokens for path in self.paths])
        stable = (*self.tokens[first:], *shared[max(first - len(self.tokens), 0) :])
        undecided = self.paths[slot].tokens[len(shared) :] if self.paths else ()
        return PartialUnits(stable, tuple(undecided))


def _shared(sequences: Sequence[Sequence]) -> Sequence:
    """Return the longest common prefix of all sequences."""
    if not sequences:  # every prefix has become impossible
        return ()
    low, high = min(sequences), max(sequences)  # the common prefix of these two is that of all
    length = next((n for n, (a, b) in enumerate(zip(low, high)) if a != b), len(low))
    return low[:length]
