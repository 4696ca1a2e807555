"""The history of the prefixes of a beam: their units and frames, kept from chunk to chunk."""

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
    """Units that came in the chunk."""
    frames: list[int]
    """Frames of the chunk where its units were likeliest: first the last unit from before the
    chunk, which went on until the first of the chunk's came, then these. Empty if not wanted."""
    peaks: list[float]
    """Log-probability of each in its frame."""


def trace_back(
    winners: list[Tensor],
    lasts: list[Tensor],
    frames: Frames,
    lens: Tensor,
    first_frames: list[int] | None,
) -> list[list[Run]]:
    """Follow each slot of the last beams back to the first frame: B times K runs.

    Args:
        winners: Frame by frame, for the streams that have it (open, K), which candidates the slots
            were (see `moeasr.decode.ctc.beam_step.extend`).
        lasts: Likewise the last units of the slots.
        frames: The chunk.
        lens: (B,) its length for each stream; they fall.
        first_frames: B numbers of the chunk's first frame; None if no frames are wanted.
    """
    num_streams, num_slots = winners[0].shape
    chosen = pad_sequence(winners, batch_first=True)  # (C, B, K)
    origins = frames.ranks[chosen]
    visited = torch.empty_like(chosen)  # slots by which the paths go
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
    """Return where the segments of each row are highest, and how high.

    Args:
        values: (N, C).
        segments: (N, C) number of the segment that each value belongs to, from 0 to C.

    Returns:
        (N, C + 1) index of the first highest value of each segment, and (N, C + 1) the value.
    """
    num_frames = values.size(1)
    most = torch.full_like(pad(values, (0, 1)), NEG_INF)
    most = most.scatter_reduce(1, segments, values, "amax")
    times = torch.arange(num_frames, device=values.device).expand_as(segments)
    times = times.masked_fill(values < most.gather(1, segments), num_frames)
    first = torch.full_like(most, num_frames, dtype=torch.int64)
    return first.scatter_reduce(1, segments, times, "amin"), most


class _Path(NamedTuple):
    """The undecided end of a prefix. The frame of its last unit may still move."""

    tokens: tuple[int, ...] = ()
    frames: tuple[int, ...] = ()
    peak: float = NEG_INF
    """Log-probability of the last unit in its frame."""


@dataclass
class History:
    """The prefixes of one stream: what they have in common, and the end of each."""

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
        """Add the growth of the prefixes that live after the next chunk, best first."""
        paths = [self._continue(self.paths[run.origin], run) for run in runs]
        # The last unit of a prefix stays: its frame may move. Frames may differ where the tokens
        # do not, if a prefix left the beam and came back.
        tokens = _shared([path.tokens[:-1] for path in paths])
        frames = _shared([path.frames[: len(tokens)] for path in paths])
        self._set_aside(tokens[: len(frames)] if self.with_frames else tokens, frames, paths)

    def decide(self, max_undecided: int) -> list[int]:
        """Decide the oldest units of the best prefix if more than `max_undecided` are undecided.

        Returns:
            Slots of the prefixes that agree, which are all that is left.
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
        """Move the units in which all `paths` begin from the paths to the decided units."""
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
        """See `moeasr.decode.ctc.prefix_beam.PrefixBeam.partial`; the best prefix is in `slot`."""
        shared = _shared([path.tokens for path in self.paths])
        stable = (*self.tokens[first:], *shared[max(first - len(self.tokens), 0) :])
        undecided = self.paths[slot].tokens[len(shared) :] if self.paths else ()
        return PartialUnits(stable, tuple(undecided))


def _shared(sequences: Sequence[Sequence]) -> Sequence:
    """Return the longest beginning that all sequences have in common."""
    if not sequences:  # every prefix has become impossible
        return ()
    low, high = min(sequences), max(sequences)  # what these two share, those between do as well
    length = next((n for n, (a, b) in enumerate(zip(low, high)) if a != b), len(low))
    return low[:length]
