"""An audio file, decoded as mono float samples: all of it, or a segment."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile
import torch

from moeasr.data.audio_header import HEAD_BYTES, header_overshoots, open_audio
from moeasr.data.datadir import MAX_OVERSHOOT_SEC
from moeasr.data.decoders import MIXED
from moeasr.data.kaldi.probe import AudioInfo
from moeasr.errors import InputError

BLOCK_SAMPLES = 1 << 24
"""Samples that are read at a time, per channel."""

LAST_SEC = 0.01
"""The end of a file that is decoded: enough to see that it is cut short."""

MAX_AMPLITUDE = 2.0**31
"""Samples lie within 1, or in faulty files within the range of 32-bit integers. Filter banks of
larger ones may exceed float32."""


class Audio(NamedTuple):
    """Decoded audio."""

    samples: torch.Tensor
    """(S,) float32 mono samples, S > 0."""
    rate_hz: int
    """Their rate."""
    header_overshoots: bool = False
    """The header promised more samples than there are, by a known fault of writers."""


def read_audio_bytes(content: bytes, name: str, channel: int | None = None) -> Audio:
    """Decode a whole audio file that is already in memory (standard input, a request's body).

    Args:
        content: The file's bytes.
        name: What to call it in messages.
        channel: The channel to take, counted from 1; None is their mean.

    Raises:
        InputError: It is empty, cut short, not audio, or holds NaN or infinity.
    """
    return _decode(io.BytesIO(content), content[:HEAD_BYTES], name, channel=channel)


def read_audio_file(path: str) -> Audio:
    """Read a file, whatever its name: not the command that `x |` is in a wav.scp.

    Raises:
        InputError: It is missing, empty, cut short, not audio, or holds NaN or infinity.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"audio file {path}: {error.strerror}") from None
    return read_audio_bytes(content, path)


def read_segment(
    path: str,
    start_sec: float | None = None,
    end_sec: float | None = None,
    channel: int | None = None,
) -> Audio:
    """Read a file, or a segment of it, and nothing else of it.

    Args:
        path: WAV, FLAC, NIST SPHERE in PCM, whatever else libsndfile knows.
        start_sec: Where to begin, seconds; None is the beginning.
        end_sec: Where to end, seconds; None or below 0 is the end. It may lie up to
            MAX_OVERSHOOT_SEC after the end of the recording.
        channel: As in `mix_down`.

    Raises:
        InputError: It is missing, empty, cut short, not audio, or holds NaN or infinity; or the
            segment lies outside.
    """
    if not os.path.isfile(path):  # of a name that cannot be one, too
        raise InputError(f"audio file {path} does not exist")
    try:
        with open(path, "rb") as handle:
            head = handle.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"audio file {path} cannot be read: {error.strerror or error}") from None
    return _decode(path, head, f"audio file {path}", start_sec, end_sec, channel)


def _decode(
    source: str | BinaryIO,
    head: bytes,
    name: str,
    start_sec: float | None = None,
    end_sec: float | None = None,
    channel: int | None = None,
) -> Audio:
    """Decode what libsndfile can; only the segment is read, if the format can be sought in.

    Args:
        source: A path or a seekable stream.
        head: Its first HEAD_BYTES.
        name: Its name in messages.
        start_sec: As in `read_segment`.
        end_sec: As in `read_segment`.
        channel: As in `mix_down`.
    """
    with open_audio(source, head, name) as audio:
        overshoots = header_overshoots(audio, head, name)
        rate_hz = audio.samplerate
        start, end = sample_range(audio.frames, rate_hz, start_sec, end_sec, name)
        first = 0
        if audio.seekable():
            first = audio.seek(start)
        blocks = list(_blocks(audio, first, end, name))
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(samples) < end - first:
        raise InputError(
            f"{name} is cut short: samples end after {first + len(samples)} of {audio.frames}"
        )
    return Audio(mix_down(samples[start - first :], name, channel), rate_hz, overshoots)


def _blocks(audio: soundfile.SoundFile, start: int, end: int, name: str) -> Iterator[np.ndarray]:
    """Read (S, C) float32 samples from the place `start`, where the file is, to `end`.

    Block by block: a damaged header may promise more than memory can hold.

    Raises:
        InputError: A sample is NaN or infinite, or too large for features to be finite.
    """
    while True:
        num_samples = min(end - start, BLOCK_SAMPLES)
        block = audio.read(num_samples, dtype="float32", always_2d=True)
        _check_finite(block, name, start)
        yield block
        start += len(block)
        if len(block) < num_samples or start >= end:
            return


def _check_finite(samples: np.ndarray, name: str, first: int) -> None:
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
        _require_channel(audio.channels, name, channel)
        rate_hz, num_samples = audio.samplerate, audio.frames
        start = 0
        if audio.seekable() and audio.subtype not in ("FLOAT", "DOUBLE"):
            start = max(0, num_samples - round(LAST_SEC * rate_hz))
            audio.seek(start)
        num_read = start + sum(map(len, _blocks(audio, start, num_samples, name)))
    if num_read < num_samples:
        raise InputError(f"{name} is cut short: samples end after {num_read} of {num_samples}")
    if num_read == 0:
        raise InputError(f"{name} holds no samples")
    return AudioInfo(rate_hz, num_read, overshoots)


def _require_channel(num_channels: int, name: str, channel: int | None) -> None:
    if channel is not None and channel > num_channels:
        raise InputError(f"{name} has no channel {channel}, only {num_channels}")


def mix_down(samples: np.ndarray, name: str, channel: int | None) -> torch.Tensor:
    """One channel of (S, C) float32 samples, counted from 1, or the (S,) mean: None, MIXED."""
    num_channels = samples.shape[1]
    if channel in (None, MIXED):
        if num_channels > 1:
            return torch.from_numpy(samples.mean(axis=1, dtype=np.float32))
        channel = 1
    _require_channel(num_channels, name, channel)
    return torch.from_numpy(np.ascontiguousarray(samples[:, channel - 1]))


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
