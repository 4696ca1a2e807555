"""CTC prefix beam search over streams that are fed chunk by chunk, or over whole utterances."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from moeasr.decode.fusion import Fusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.prefix_step import NEG_INF, Beam, Frames, extend

NUM_FUSION_UNITS = 20


@torch.inference_mode()
def ctc_prefix_beam_search(
    log_probs: Tensor,
    enc_lens: Tensor,
    beam_size: int,
    blank: int = 0,
    fusion: Fusion | None = None,
) -> list[list[Hypothesis]]:
    """The most probable unit sequences, each summed over its alignments, by prefix beam search.

    Equal to the textbook search over the whole vocabulary: of a frame's units only those are looked
    at that can enter the beam at all (see `Frames.prepare`). Sums run in float64.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame, on any device.
        enc_lens: (B,) real frames; those after them are not looked at.
        beam_size: Prefixes kept after each frame.
        blank: Id of the blank.
        fusion: What else scores the prefixes (see `PrefixBeam`), on the same device.

    Returns:
        For each utterance up to `beam_size` hypotheses, the best first; score = ctc_score +
        fusion_score. They are not aligned (see `moeasr.decode.alignment`).
    """
    beam = PrefixBeam(
        log_probs.size(0),
        beam_size,
        blank,
        log_probs.device,
        fusion=fusion,
        with_frames=False,
        max_undecided=None,
    )
    beam.advance(log_probs, enc_lens)
    return beam.hypotheses(is_final=True)


class PrefixBeam:
    """The state of the search in independent streams, each of which may last for hours.

    However the frames are cut into chunks, the hypotheses are the same. What all prefixes of a
    stream have in common is set aside as it becomes so: a chunk costs what its frames and the
    undecided ends of the prefixes cost, not what was said before. Two prefixes that are nearly
    equally probable may live on side by side for ever, though, differing in one unit; a limit for
    the length of undecided ends keeps memory and time constant then, too.

    Args:
        num_streams: B.
        beam_size: K, prefixes kept after each frame.
        blank: Id of the blank.
        device: That of the log-probabilities.
        fusion: A language model, boosted phrases or both. Prefixes are then ranked by the sum of
            CTC and fusion score; every prefix may stay, and be extended by the `NUM_FUSION_UNITS`
            likeliest units of a frame.
        with_frames: Give each token the frame of its stream, from 0, in which it was likeliest
            between its own arrival in the prefix and that of the next one. This needs no look back
            at the log-probabilities; `moeasr.decode.alignment`, which sees them all, gives the
            frames of the best alignment instead.
        max_undecided: When a chunk leaves more units of the best prefix undecided, the oldest of
            them are decided as they are there, and prefixes with others are dropped. None for no
            limit.
    """

    def __init__(
        self,
        num_streams: int,
        beam_size: int,
        blank: int = 0,
        device: torch.device | str = "cpu",
        fusion: Fusion | None = None,
        with_frames: bool = True,
        max_undecided: int | None = 200,
    ) -> None:
        self._beam_size = beam_size
        self._blank = blank
        self._device = torch.device(device)
        self._fusion = fusion
        self._with_frames = with_frames
        self._max_undecided = max_undecided
        self._beam = Beam.initial(num_streams, beam_size, self._device, fusion)
        self._histories = [_History.initial(beam_size, with_frames) for _ in range(num_streams)]

    @torch.inference_mode()
    def advance(self, log_probs: Tensor, lens: Tensor) -> None:
        """Search some frames more of each stream.

        Args:
            log_probs: (B, C, V) log-probabilities of the frames that are new.
            lens: (B,) how many of them are real, from 0 to C.
        """
        # Longest first: the streams that are not over yet are then always the first ones.
        lens, order = lens.to(self._device).sort(descending=True, stable=True)
        lengths = [length for length in lens.tolist() if length > 0]
        if not lengths:
            return
        order = order[: len(lengths)]
        num_units = None if self._fusion is None else NUM_FUSION_UNITS
        frames = Frames.prepare(log_probs, order, self._beam_size, self._blank, num_units)
        beam, winners, lasts = _search(self._beam.select(order), frames, lengths, self._fusion)
        self._beam = self._beam.replace(order, beam)
        first_frames = None
        if self._with_frames:
            first_frames = [self._histories[stream].num_frames for stream in order.tolist()]
        runs = _trace_back(winners, lasts, frames, lens[: len(lengths)], first_frames)
        alive = (beam.log_total > NEG_INF).sum(dim=1).tolist()
        for stream, stream_runs, num_live in zip(order.tolist(), runs, alive):
            self._histories[stream].append(stream_runs[:num_live])
            if self._max_undecided is not None:
                kept = self._histories[stream].decide(self._max_undecided)
                if len(kept) < num_live:
                    self._beam = self._beam.keep(stream, kept)
        for stream, length in zip(order.tolist(), lengths):
            self._histories[stream].num_frames += length

    @torch.inference_mode()
    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """The prefixes of each stream as they stand, best first; score = ctc_score + fusion_score.

        They are whole, from the stream's beginning (or `restart`) on.

        Args:
            is_final: The streams end here, for the fusion: the last word is over, </s> is scored,
                and a phrase that has only begun is not boosted. Changes nothing in the search.
        """
        fusion_score = self._beam.fusion_score
        if self._fusion is not None and is_final:
            fusion_score = fusion_score + self._fusion.finish(self._beam.fusion_state)
        score, slots = (self._beam.log_total + fusion_score).sort(
            dim=1, descending=True, stable=True
        )
        columns = [part.gather(1, slots) for part in (self._beam.log_total, fusion_score)]
        return [
            [
                history.hypothesis(slot, score, ctc, None if self._fusion is None else fusion)
                for slot, score, ctc, fusion in zip(*rows)
                if score > NEG_INF
            ]
            for history, *rows in zip(
                self._histories, *(part.tolist() for part in (slots, score, *columns))
            )
        ]

    def stable_tokens(self) -> list[tuple[int, ...]]:
        """For each stream the units in which all its prefixes begin: they can never change."""
        return [history.stable_tokens() for history in self._histories]

    @torch.inference_mode()
    def restart(self, streams: Sequence[int]) -> None:
        """Begin some streams anew, as after an end point: no units, frames from 0 again."""
        fresh = Beam.initial(len(streams), self._beam_size, self._device, self._fusion)
        self._beam = self._beam.replace(torch.tensor(streams, device=self._device), fresh)
        for stream in streams:
            self._histories[stream] = _History.initial(self._beam_size, self._with_frames)


def _search(
    beam: Beam, frames: Frames, lengths: list[int], fusion: Fusion | None
) -> tuple[Beam, list[Tensor], list[Tensor]]:
    """Go through the frames with those streams that are not over yet; `lengths` fall, above 0.

    Returns:
        The last beam of each stream, and frame by frame for the streams that had it (open, K) which
        candidates the slots were, and their last units.
    """
    winners, lasts, ended = [], [], []
    num_open = len(lengths)
    for time in range(lengths[0]):
        still_open = bisect_left(lengths, -time, key=lambda length: -length)
        if still_open < num_open:
            ended.append(beam.select(slice(still_open, None)))
            beam, num_open = beam.select(slice(still_open)), still_open
        beam, frame_winners = extend(beam, frames, time, fusion)
        winners.append(frame_winners)
        lasts.append(beam.relations[..., 2])
    return Beam.join([beam, *reversed(ended)]), winners, lasts


class _Run(NamedTuple):
    """What a chunk did to one prefix."""

    origin: int
    """Its slot before the chunk."""
    tokens: list[int]
    """Units that came in the chunk."""
    frames: list[int]
    """Frames of the chunk where its units were likeliest: first the last unit from before the
    chunk, which went on until the first of the chunk's came, then these. Empty if not wanted."""
    peaks: list[float]
    """Log-probability of each in its frame."""


def _trace_back(
    winners: list[Tensor],
    lasts: list[Tensor],
    frames: Frames,
    lens: Tensor,
    first_frames: list[int] | None,
) -> list[list[_Run]]:
    """Follow each slot of the last beams back to the first frame: B times K runs.

    Args:
        winners: Frame by frame (open, K), see `_search`.
        lasts: Likewise.
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
        runs.append(_Run(origin, tokens[end - count : end], found_frames[own], found_peaks[own]))
    return [runs[row : row + num_slots] for row in range(0, len(runs), num_slots)]


def _rows(table: Tensor) -> Tensor:
    """(C, B, K) to (B * K, C)."""
    return table.permute(1, 2, 0).flatten(0, 1)


def _peaks(values: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """Where the segments of each row are highest, and how high.

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
class _History:
    """The prefixes of one stream: what they have in common, and the end of each."""

    paths: list[_Path]
    with_frames: bool
    tokens: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    num_frames: int = 0

    @classmethod
    def initial(cls, beam_size: int, with_frames: bool) -> "_History":
        return cls([_Path()] * beam_size, with_frames)

    def append(self, runs: Sequence[_Run]) -> None:
        """What the next chunk did to the prefixes that live after it, best first."""
        paths = [self._continue(self.paths[run.origin], run) for run in runs]
        # The last unit of a prefix stays: its frame may move. Frames may differ where the tokens
        # do not, if a prefix left the beam and came back.
        tokens = _shared([path.tokens[:-1] for path in paths])
        frames = _shared([path.frames[: len(tokens)] for path in paths])
        self._set_aside(tokens[: len(frames)] if self.with_frames else tokens, frames, paths)

    def decide(self, max_undecided: int) -> list[int]:
        """Take the oldest units of the best prefix for sure if more than so many are undecided.

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
        """Take the units in which all `paths` begin out of them."""
        self.tokens += tokens
        self.frames += frames
        num_tokens = len(tokens)
        self.paths = [
            _Path(path.tokens[num_tokens:], path.frames[num_tokens:], path.peak) for path in paths
        ]

    def _continue(self, path: _Path, run: _Run) -> _Path:
        tokens, frames, peak = (*path.tokens, *run.tokens), path.frames, path.peak
        if not self.with_frames:
            return _Path(tokens)
        if frames and run.peaks[0] > peak:
            frames, peak = (*frames[:-1], run.frames[0]), run.peaks[0]
        return _Path(tokens, (*frames, *run.frames[1:]), run.peaks[-1] if run.tokens else peak)

    def hypothesis(
        self, slot: int, score: float, ctc_score: float, fusion_score: float | None
    ) -> Hypothesis:
        """The prefix in a slot."""
        path = self.paths[slot]
        return Hypothesis(
            tokens=(*self.tokens, *path.tokens),
            score=score,
            ctc_score=ctc_score,
            fusion_score=fusion_score,
            frames=(*self.frames, *path.frames) if self.with_frames else None,
        )

    def stable_tokens(self) -> tuple[int, ...]:
        """What all prefixes begin in."""
        return (*self.tokens, *_shared([path.tokens for path in self.paths]))


def _shared(sequences: Sequence[Sequence]) -> Sequence:
    """The longest beginning that all sequences have in common."""
    if not sequences:  # every prefix has become impossible
        return ()
    low, high = min(sequences), max(sequences)  # what these two share, those between do as well
    length = next((n for n, (a, b) in enumerate(zip(low, high)) if a != b), len(low))
    return low[:length]
