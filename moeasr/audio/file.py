"""An audio file, decoded as mono float samples: all of it, or a segment."""

import io
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch

from moeasr.audio.header import HEAD_BYTES, header_overshoots, open_audio
from moeasr.audio.programs import MIXED
from moeasr.audio.samples import read_blocks, require_channel, sample_range
from moeasr.errors import InputError


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
        blocks = list(read_blocks(audio, first, end, name))
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(samples) < end - first:
        raise InputError(
            f"{name} is cut short: samples end after {first + len(samples)} of {audio.frames}"
        )
    return Audio(mix_down(samples[start - first :], name, channel), rate_hz, overshoots)


def mix_down(samples: np.ndarray, name: str, channel: int | None) -> torch.Tensor:
    """One channel of (S, C) float32 samples, counted from 1, or the (S,) mean: None, MIXED."""
    num_channels = samples.shape[1]
    if channel in (None, MIXED):
        if num_channels > 1:
            return torch.from_numpy(samples.mean(axis=1, dtype=np.float32))
        channel = 1
    require_channel(num_channels, name, channel)
    return torch.from_numpy(np.ascontiguousarray(samples[:, channel - 1]))
