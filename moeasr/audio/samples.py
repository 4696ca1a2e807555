"""The samples and the length of an audio file, read block by block and without torch."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from moeasr.audio.header import HEAD_BYTES, header_overshoots, open_audio
from moeasr.audio.probe import AudioInfo
from moeasr.datadir.segment_rule import MAX_OVERSHOOT_SEC
from moeasr.errors import InputError

BLOCK_SAMPLES = 1 << 24
"""Number of samples per channel that are read at a time."""

LAST_SEC = 0.01
"""Length of the end of a file that is decoded to detect that the file is truncated."""

MAX_AMPLITUDE = 2.0**31
"""Largest accepted amplitude. Samples lie within [-1, 1], or in faulty files within the range of
32-bit integers. Filter banks of larger samples may overflow float32."""


def read_blocks(
    audio: soundfile.SoundFile, start: int, end: int, name: str, block_samples: int | None = None
) -> Iterator[np.ndarray]:
    """Yield blocks of (S, C) float32 samples from the current position `start` to `end`.

    The file is read in blocks because a damaged header may announce more samples than fit into
    memory.

    Args:
        audio: The file.
        start: Its current position.
        end: Position after the last sample.
        name: The name of the recording in messages.
        block_samples: Number of samples per channel and block; None for `BLOCK_SAMPLES`.

    Raises:
        InputError: A sample is NaN, infinite, or so large that features could overflow.
    """
    while True:
        num_samples = min(end - start, block_samples or BLOCK_SAMPLES)
        block = audio.read(num_samples, dtype="float32", always_2d=True)
        check_amplitudes(block, name, start)
        yield block
        start += len(block)
        if len(block) < num_samples or start >= end:
            return


def check_amplitudes(samples: np.ndarray, name: str, first: int) -> None:
    """Raise `InputError` if one of (S, C) samples is NaN, infinite or beyond `MAX_AMPLITUDE`.

    Args:
        samples: The samples.
        name: The name of the recording in messages.
        first: Position of the first sample in the recording.
    """
    # valid samples need one pass only: the maximum of values is NaN if one of them is
    if not samples.size or np.abs(samples).max() <= MAX_AMPLITUDE:
        return
    bad = ~(np.abs(samples) <= MAX_AMPLITUDE)
    place = int(np.argmax(bad.any(axis=1)))
    value = samples[place][bad[place]][0]
    raise InputError(
        f"{name} contains NaN, infinity or an absurdly large value: sample {first + place} is "
        f"{value:g}"
    )


def measure_stream(stream: BinaryIO, name: str, channel: int | None = None) -> AudioInfo:
    """Return the sample rate and length of an open audio file, after decoding the file's end.

    A file of floating-point samples is decoded as a whole, because samples may be NaN or infinite.

    Args:
        stream: The file.
        name: The file's name in messages.
        channel: A channel that the file must have, counted from 1; None requires nothing.

    Raises:
        InputError: The file is empty, truncated, not audio, or contains non-finite values.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    with open_audio(stream, head, name) as audio:
        overshoots = header_overshoots(audio, head, name)
        require_channel(audio.channels, name, channel)
        rate_hz, num_samples = audio.samplerate, audio.frames
        start = 0
        if audio.seekable() and audio.subtype not in ("FLOAT", "DOUBLE"):
            start = max(0, num_samples - round(LAST_SEC * rate_hz))
            audio.seek(start)
        num_read = start + sum(map(len, read_blocks(audio, start, num_samples, name)))
    if num_read < num_samples:
        raise InputError(f"{name} is truncated: it ends after {num_read} of {num_samples} samples")
    if num_read == 0:
        raise InputError(f"{name} contains no samples")
    return AudioInfo(rate_hz, num_read, overshoots)


def require_channel(num_channels: int, name: str, channel: int | None) -> None:
    """Raise `InputError` unless a file has this channel, counted from 1; None requires nothing."""
    if channel is not None and channel > num_channels:
        raise InputError(f"{name} has no channel {channel}, only {num_channels}")


def sample_range(
    num_samples: int, rate_hz: int, start_sec: float | None, end_sec: float | None, name: str
) -> tuple[int, int]:
    """Return the first sample of a segment, and the sample after its last one.

    Args:
        num_samples: Length of the recording.
        rate_hz: Sample rate of the recording.
        start_sec: As in `decode_segment`.
        end_sec: As in `decode_segment`.
        name: The recording's name in messages.

    Raises:
        InputError: The recording is empty, or the segment lies outside of it.
    """
    if num_samples == 0:
        raise InputError(f"{name} contains no samples")
    duration_sec = num_samples / rate_hz
    start = 0 if start_sec is None else round(start_sec * rate_hz)
    end = num_samples
    if end_sec is not None and end_sec >= 0:
        if end_sec > duration_sec + MAX_OVERSHOOT_SEC:
            raise InputError(
                f"the segment ends at {end_sec:g} s, but {name} is only {duration_sec:.2f} s long"
            )
        end = min(end, round(end_sec * rate_hz))
    if not 0 <= start < end:
        raise InputError(
            f"there is no audio between {start_sec or 0:g} s and "
            f"{'the end' if end_sec is None or end_sec < 0 else f'{end_sec:g} s'} of {name}, "
            f"which is {duration_sec:.2f} s long"
        )
    return start, end
