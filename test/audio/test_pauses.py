"""Pieces of recordings with known pauses."""

import numpy as np
import pytest

from moeasr.audio.pauses import PauseRules, cut_at_pauses

RATE_HZ, FRAME = 100, 10
"""Samples per second, and per frame of 0.1 s."""


class LoudDetector:
    """Finds speech in frames that contain a sample other than zero."""

    frame_sec = FRAME / RATE_HZ

    def __init__(self):
        self.samples = np.zeros(0)

    def accept(self, samples):
        self.samples = np.concatenate([self.samples, samples])
        count = len(self.samples) // FRAME
        frames, self.samples = np.split(self.samples, [count * FRAME])
        return frames.reshape(-1, FRAME).any(axis=1).tolist()

    def finish(self):
        return [bool(self.samples.any())] if len(self.samples) else []


def sound(pattern):
    """Return samples: a frame of ones for each `x`, of zeros for each `_`."""
    return np.repeat(np.array([sign == "x" for sign in pattern], np.float32), FRAME)


def pieces(samples, block=7, **rules):
    blocks = [samples[first : first + block] for first in range(0, len(samples), block)]
    return list(cut_at_pauses(blocks, RATE_HZ, LoudDetector(), PauseRules(**rules)))


@pytest.mark.parametrize("block", [1, 7, 10, 1000])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("______", []),
        ("", []),
        ("xxx", ["xxx"]),
        ("_____xx_____", ["__xx__"]),  # half of the shortest pause on both sides
        ("xx___xx__", ["xx___xx__"]),  # a pause of 0.3 s is too short
        ("xx____xx_", ["xx__", "__xx_"]),
        ("xx_________x_x________", ["xx__", "__x_x__"]),
    ],
)
def test_pieces_end_in_pauses(pattern, expected, block):
    samples = sound(pattern)
    found = pieces(samples, block, min_pause_sec=0.4)
    assert [len(piece.samples) for piece in found] == [FRAME * len(part) for part in expected]
    for piece, part in zip(found, expected):
        assert np.array_equal(piece.samples, sound(part))
        first = round(piece.start_sec * RATE_HZ)
        assert np.array_equal(samples[first : first + len(piece.samples)], piece.samples)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("x" * 25, ["x" * 10, "x" * 10, "x" * 5]),  # no silence: at the longest length
        ("xxxxxx__xxxxx", ["xxxxxx_", "_xxxxx"]),  # in the middle of the longest silence
        ("x___xxx_x_xxxx", ["x___xxx_x_", "xxxx"]),  # in the second half only, and rather late
    ],
)
def test_long_pieces_are_cut_at_their_longest_silence(pattern, expected):
    found = pieces(sound(pattern), min_pause_sec=0.6, max_piece_sec=1.0)
    assert [len(piece.samples) // FRAME for piece in found] == [len(part) for part in expected]
    assert np.array_equal(np.concatenate([piece.samples for piece in found]), sound(pattern))


def test_random_speech_is_kept_and_memory_is_bounded():
    generator = np.random.default_rng(0)
    for _ in range(50):
        lengths = generator.integers(1, 30, 20)
        pattern = "".join("x_"[place % 2] * length for place, length in enumerate(lengths))
        samples = sound(pattern) * generator.random(FRAME * len(pattern))
        found = pieces(samples, block=33, min_pause_sec=0.5, max_piece_sec=2.0)
        ends = [round(piece.start_sec * RATE_HZ) + len(piece.samples) for piece in found]
        starts = [round(piece.start_sec * RATE_HZ) for piece in found]
        assert all(end <= start for end, start in zip(ends, starts[1:]))
        assert max(len(piece.samples) for piece in found) <= 2 * RATE_HZ
        heard = np.zeros_like(samples)
        for start, piece in zip(starts, found):
            heard[start : start + len(piece.samples)] = piece.samples
        assert np.array_equal(heard, samples)  # only silence is left out


def test_starts_are_multiples_of_10_ms():
    class Detector(LoudDetector):
        frame_sec = 0.032  # of 512 samples at 16 kHz

        def accept(self, samples):
            return [False] * 10 + [True] * 5 + [False] * 20 + [True] * 5

    (first, second) = cut_at_pauses([np.ones(20480)], 16000, Detector(), PauseRules())
    for piece in (first, second):
        assert round(piece.start_sec * 16000) % 160 == 0
    assert second.start_sec == 0.83  # frame 26 begins at 0.832 s
