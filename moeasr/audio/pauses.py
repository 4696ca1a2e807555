"""Pieces of a long recording, cut at its pauses, so that each piece can be recognised alone.

This module does not import torch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

STEPS_PER_SEC = 100
"""Pieces begin at multiples of 10 ms, so that the times of all formats are exact."""


class SpeechDetector(Protocol):
    """A detector that decides for each frame of a signal whether it contains speech."""

    @property
    def frame_sec(self) -> float:
        """Length of a frame in seconds."""
        ...

    def accept(self, samples: np.ndarray) -> list[bool]:
        """Return whether there is speech in the frames that (S,) further samples complete."""
        ...

    def finish(self) -> list[bool]:
        """Return whether there is speech in the remaining frames at the end of the signal."""
        ...


class Piece(NamedTuple):
    """A part of a recording."""

    start_sec: float
    """Time in the recording at which the piece begins."""
    samples: np.ndarray
    """Its (S,) samples, S > 0."""


@dataclass(frozen=True, kw_only=True)
class PauseRules:
    """Rules that cut a recording into pieces."""

    min_pause_sec: float = 0.6
    """Shortest pause at which a recording is cut. A piece keeps half of it before and after its
    speech."""
    max_piece_sec: float = 20.0
    """Length at which a piece without such a pause is cut at its longest silence."""


def cut_at_pauses(
    blocks: Iterable[np.ndarray], rate_hz: int, detector: SpeechDetector, rules: PauseRules
) -> Iterator[Piece]:
    """Yield the pieces of a recording that contain speech, in order and without overlap.

    Args:
        blocks: The samples of the recording, as (S,) arrays.
        rate_hz: Their sample rate.
        detector: A new detector.
        rules: The rules.
    """
    recent = _RecentSamples(rate_hz)
    cutter = _Cutter(rules, detector.frame_sec)
    for block in blocks:
        recent.append(block)
        for is_speech in detector.accept(block):
            yield from recent.pieces(cutter.advance(is_speech))
        recent.drop_before(cutter.start_sec)
    for is_speech in detector.finish():
        yield from recent.pieces(cutter.advance(is_speech))
    yield from recent.pieces(cutter.finish())


class _Cutter:
    """The state of the rules, frame by frame; pieces are spans of time in seconds."""

    def __init__(self, rules: PauseRules, frame_sec: float) -> None:
        self._frame_sec = frame_sec
        self._margin = max(1, round(rules.min_pause_sec / 2 / frame_sec))
        self._max_frames = max(2, round(rules.max_piece_sec / frame_sec))
        self._start = 0  # first frame of the current piece
        self._frames: list[bool] = []  # whether there is speech in the frames of the current piece

    @property
    def start_sec(self) -> float:
        """Time before which no samples are needed."""
        return self._start * self._frame_sec

    def advance(self, is_speech: bool) -> list[tuple[float, float | None]]:
        """Return the spans of the pieces that end with the next frame."""
        num_silent, found = self._num_silent(), []
        has_speech = num_silent < len(self._frames)
        self._frames.append(is_speech)
        if not has_speech:
            self._shorten_lead()
        elif not is_speech and num_silent + 1 >= 2 * self._margin:
            found.append(self._cut(len(self._frames) - self._margin))
        elif len(self._frames) >= self._max_frames:
            found.append(self._cut(self._quietest()))
        return found

    def finish(self) -> list[tuple[float, float | None]]:
        """Return the span of the last piece, which ends where the recording ends."""
        num_silent = self._num_silent()
        if num_silent == len(self._frames):
            return []
        return [(self.start_sec, None)]

    def _num_silent(self) -> int:
        """Return the number of frames since the last speech."""
        for count, is_speech in enumerate(reversed(self._frames)):
            if is_speech:
                return count
        return len(self._frames)

    def _quietest(self) -> int:
        """Return the middle of the longest silence in the second half, or the end without one."""
        best, best_length, length = len(self._frames), 0, 0
        for place in range(len(self._frames) // 2, len(self._frames)):
            length = 0 if self._frames[place] else length + 1
            if length and length >= best_length:
                best, best_length = place + 1 - length // 2, length
        return best

    def _cut(self, num_frames: int) -> tuple[float, float]:
        """End the piece after some of its frames; the next piece has the others."""
        start_sec = self.start_sec
        self._drop(num_frames)
        end_sec = self.start_sec
        self._shorten_lead()
        return start_sec, end_sec

    def _shorten_lead(self) -> None:
        """Drop all but the margin of a piece without speech so far."""
        if self._num_silent() == len(self._frames):
            self._drop(max(len(self._frames) - self._margin, 0))

    def _drop(self, num_frames: int) -> None:
        self._start += num_frames
        del self._frames[:num_frames]


class _RecentSamples:
    """The latest samples of a recording."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._first = 0  # place of the first sample in the recording
        self._samples = np.zeros(0, np.float32)

    def append(self, samples: np.ndarray) -> None:
        """Add the next samples."""
        self._samples = np.concatenate([self._samples, samples])

    def drop_before(self, time_sec: float) -> None:
        """Drop the samples before a time."""
        place = max(self._place(time_sec) - self._first, 0)
        self._samples = self._samples[place:]
        self._first += place

    def pieces(self, spans: Iterable[tuple[float, float | None]]) -> Iterator[Piece]:
        """Yield the pieces of the given spans that have samples; None is the end so far."""
        for start_sec, end_sec in spans:
            start = self._place(start_sec)
            end = None if end_sec is None else self._place(end_sec) - self._first
            samples = self._samples[start - self._first : end]
            if len(samples):
                yield Piece(start / self._rate_hz, samples)

    def _place(self, time_sec: float) -> int:
        """Return the sample at a time, rounded down to a multiple of 10 ms."""
        steps = int(time_sec * STEPS_PER_SEC + 1e-6)
        return steps * self._rate_hz // STEPS_PER_SEC
