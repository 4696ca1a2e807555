"""Samples of an audio file, block by block, and how many there are; starts without torch."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from moeasr.audio.header import HEAD_BYTES, header_overshoots, open_audio
from moeasr.audio.probe import AudioInfo
from moeasr.datadir.segment_rule import MAX_OVERSHOOT_SEC
from moeasr.errors import InputError

BLOCK_SAMPLES = 1 << 24
"""Samples that are read at a time, per channel."""

LAST_SEC = 0.01
"""The end of a file that is decoded: enough to see that it is cut short."""

MAX_AMPLITUDE = 2.0**31
"""Samples lie within 1, or in faulty files within the range of 32-bit integers. Filter banks of
larger ones may exceed float32."""


def read_blocks(
    audio: soundfile.SoundFile, start: int, end: int, name: str
) -> Iterator[np.ndarray]:
    """Read (S, C) float32 samples from the place `start`, where the file is, to `end`.

    Block by block: a damaged header may promise more than memory can hold.

    Raises:
        InputError: A sample is NaN or infinite, or too large for features to be finite.
    """
    while True:
        num_samples = min(end - start, BLOCK_SAMPLES)
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
    # one pass for the good ones: the largest of some values is NaN if one of them is
    if not samples.size or np.abs(samples).max() <= MAX_AMPLITUDE:
        return
    bad = ~(np.abs(samples) <= MAX_AMPLITUDE)
    place = int(np.argmax(bad.any(axis=1)))
    value = samples[place][bad[place]][0]
    raise InputError(
        f"{name} holds NaN, infinity or a value far beyond audio: sample {first + place} is "
        f"{value:g}"
    )


def measure_stream(stream: BinaryIO, name: str, channel: int | None = None) -> AudioInfo:
    """Return rate and samples of an audio file that is open, the end of which is decoded.

    A file of floating-point samples is decoded whole, since they may be NaN or infinite.

    Args:
        stream: The file.
        name: Its name in messages.
        channel: A channel that it must have, counted from 1.

    Raises:
        InputError: It is empty, cut short, not audio, or holds values that are not finite.
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
        raise InputError(f"{name} is cut short: samples end after {num_read} of {num_samples}")
    if num_read == 0:
        raise InputError(f"{name} holds no samples")
    return AudioInfo(rate_hz, num_read, overshoots)


def require_channel(num_channels: int, name: str, channel: int | None) -> None:
    """Raise `InputError` unless a file has a channel, counted from 1; None is any."""
    if channel is not None and channel > num_channels:
        raise InputError(f"{name} has no channel {channel}, only {num_channels}")


def sample_range(
    num_samples: int, rate_hz: int, start_sec: float | None, end_sec: float | None, name: str
) -> tuple[int, int]:
    """First sample of a segment, and the one after its last.

    Args:
        num_samples: Length of the recording.
        rate_hz: Its rate.
        start_sec: As in `read_segment`.
        end_sec: As in `read_segment`.
        name: What to call the recording in messages.

    Raises:
        InputError: The recording is empty, or the segment lies outside of it.
    """
    if num_samples == 0:
        raise InputError(f"{name} holds no samples")
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
            f"no audio between {start_sec or 0:g} s and "
            f"{'the end' if end_sec is None or end_sec < 0 else f'{end_sec:g} s'} of {name}, "
            f"which is {duration_sec:.2f} s long"
        )
    return start, end
