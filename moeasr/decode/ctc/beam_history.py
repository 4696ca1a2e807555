"""The history of the prefixes of a beam: their units and frames across chunks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from moeasr.decode.ctc.beam_step import NEG_INF, Frames
from moeasr.decode.hypothesis import Hypothesis, PartialUnits


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
    """Log-probability of each of these units in its frame."""


def trace_back(
    winners: list[Tensor],
    lasts: list[Tensor],
    frames: Frames,
    lens: Tensor,
    first_frames: list[int] | None,
) -> list[list[Run]]:
    """Trace each slot of the last beams back to the first frame, and return B times K runs.

    Args:
        winners: For each frame, (open, K) indices of the slots among the candidates of the streams
            that have this frame (see `moeasr.decode.ctc.beam_step.extend`).
        lasts: For each frame, (open, K) last units of the slots.
        frames: The frames of the chunk.
        lens: (B,) number of frames of each stream, in descending order.
        first_frames: B indices of the chunk's first frame; None if frames are not requested.
    """
    num_streams, num_slots = winners[0].shape
    chosen = pad_sequence(winners, batch_first=True)  # (C, B, K)
    origins = frames.ranks[chosen]
    visited = torch.empty_like(chosen)  # slots on the paths
    slots = torch.arange(num_slots, device=chosen.device).repeat(num_streams, 1)
    for time in reversed(range(chosen.size(0))):
        visited[time] = slots
        num_open = winners[time].size(0)
        slots[:num_open] = origins[time, :num_open].gather(1, slots[:num_open])
    is_real = (torch.arange(chosen.size(0), device=lens.device)[:, None] < lens)[..., None]
    is_new = (chosen.gather(2, visited) >= num_slots) & is_real
    units = pad_sequence(lasts, batch_first=True).gather(2, visited)  # the last ones on the paths

    # One row for each path; a segment runs from one new unit to the next.
    is_new_row, unit_rows = _rows(is_new), _rows(units)
    counts = is_new_row.sum(dim=1)
    found_frames, found_peaks = [], []
    if first_frames is not None:
        values = frames.log_probs.take(frames.starts[: chosen.size(0)] + units).double()
        segments = is_new_row.cumsum(dim=1)  # (B * K, C), from 0
        firsts, mosts = _peaks(_rows(values.masked_fill(~is_real, NEG_INF)), segments)
        firsts += torch.tensor(first_frames, device=lens.device).repeat_interleave(num_slots)[
            :, None
        ]
        is_used = torch.arange(firsts.size(1), device=lens.device) <= counts[:, None]
        found_frames, found_peaks = firsts[is_used].tolist(), mosts[is_used].tolist()
    tokens, counts = unit_rows[is_new_row].tolist(), counts.tolist()
    runs = []
    ends = accumulate(counts)
    for row, (origin, count, end) in enumerate(zip(slots.flatten().tolist(), counts, ends)):
        own = slice(end - count + row, end + row + 1)  # one more than units
        runs.append(Run(origin, tokens[end - count : end], found_frames[own], found_peaks[own]))
    return [runs[row : row + num_slots] for row in range(0, len(runs), num_slots)]


def _rows(table: Tensor) -> Tensor:
    """Rearrange (C, B, K) to (B * K, C)."""
    return table.permute(1, 2, 0).flatten(0, 1)


def _peaks(values: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """Return position and value of the maximum of each segment in each row.

    Args:
        values: (N, C) values.
        segments: (N, C) index of the segment that each value belongs to, from 0 to C.

    Returns:
        (N, C + 1) index of the first maximum of each segment, and (N, C + 1) the maximum.
    """
    num_frames = values.size(1)
    most = torch.full_like(pad(values, (0, 1)), NEG_INF)
    most = most.scatter_reduce(1, segments, values, "amax")
    times = torch.arange(num_frames, device=values.device).expand_as(segments)
    times = times.masked_fill(values < most.gather(1, segments), num_frames)
    first = torch.full_like(most, num_frames, dtype=torch.int64)
    return first.scatter_reduce(1, segments, times, "amin"), most


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
