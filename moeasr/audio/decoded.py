"""Audio files, decoded as a whole or in part into arrays of mono samples, without torch."""

import io
import os
from typing import BinaryIO, NamedTuple

import numpy as np

from moeasr.audio.header import HEAD_BYTES, header_overshoots, open_audio
from moeasr.audio.programs import MIXED
from moeasr.audio.samples import read_blocks, require_channel, sample_range
from moeasr.errors import InputError

READ_HERE = (
    ".wav",
    ".flac",
    ".mp3",
    ".ogg",
    ".oga",
    ".opus",
    ".sph",
    ".aif",
    ".aiff",
    ".au",
    ".caf",
)
"""Suffixes of files that libsndfile reads."""


MP3_LEAD = 16 * 1152
"""Number of samples that are decoded before a segment of an MP3 file, and dropped: after a jump,
the first frames lack data that earlier frames hold. A frame has at most 1152 samples."""


class DecodedAudio(NamedTuple):
    """Decoded audio."""

    samples: np.ndarray
    """Mono samples, (S,) float32, S > 0."""
    rate_hz: int
    """The sample rate, Hz."""
    header_overshoots: bool = False
    """True if the header announces more samples than there are, because of a known writer bug."""


def decode_bytes(content: bytes, name: str, channel: int | None = None) -> DecodedAudio:
    """Decode a whole audio file that is already in memory (standard input, a request's body).

    Args:
        content: The file's bytes.
        name: The file's name in messages.
        channel: The channel to read, counted from 1; None is the mean of all channels.

    Raises:
        InputError: The file is empty, truncated, not audio, or contains NaN or infinity.
    """
    return _decode(io.BytesIO(content), content[:HEAD_BYTES], name, channel=channel)


def decode_segment(
    path: str,
    start_sec: float | None = None,
    end_sec: float | None = None,
    channel: int | None = None,
) -> DecodedAudio:
    """Read an audio file or a segment of it, without reading the rest of the file.

    Args:
        path: A file in WAV, FLAC, NIST SPHERE (PCM) or any other format that libsndfile reads.
        start_sec: Start of the segment, seconds; None is the start of the recording.
        end_sec: End of the segment, seconds; None or a negative value is the end of the recording.
            It may lie up to MAX_OVERSHOOT_SEC after the end of the recording.
        channel: As in `mix_down`.

    Raises:
        InputError: The file is missing, empty, truncated, not audio, or contains NaN or infinity,
            or the segment lies outside of the recording.
    """
    if not os.path.isfile(path):  # also false for a name that no file can have
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
) -> DecodedAudio:
    """Decode audio with libsndfile; if its format is seekable, only the segment is read.

    Args:
        source: A path or a seekable stream.
        head: The first HEAD_BYTES of the source.
        name: The source's name in messages.
        start_sec: As in `decode_segment`.
        end_sec: As in `decode_segment`.
        channel: As in `mix_down`.
    """
    with open_audio(source, head, name) as audio:
        overshoots = header_overshoots(audio, head, name)
        rate_hz = audio.samplerate
        start, end = sample_range(audio.frames, rate_hz, start_sec, end_sec, name)
        first = 0
        if audio.seekable():
            lead = MP3_LEAD if audio.format == "MP3" else 0
            first = audio.seek(max(start - lead, 0))
        blocks = list(read_blocks(audio, first, end, name))
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(samples) < end - first:
        raise InputError(
            f"{name} is truncated: it ends after {first + len(samples)} of {audio.frames} samples"
        )
    return DecodedAudio(mix_down(samples[start - first :], name, channel), rate_hz, overshoots)


def mix_down(samples: np.ndarray, name: str, channel: int | None) -> np.ndarray:
    """Return one channel of (S, C) float32 samples, or the mean of all channels, as (S,).

    Args:
        samples: (S, C) float32 samples.
        name: The recording's name in messages.
        channel: The channel, counted from 1; None or MIXED is the mean.

    Raises:
        InputError: The recording does not have this channel.
    """
    num_channels = samples.shape[1]
    if channel in (None, MIXED):
        if num_channels > 1:
            return samples.mean(axis=1, dtype=np.float32)
        channel = 1
    require_channel(num_channels, name, channel)
    return np.ascontiguousarray(samples[:, channel - 1])
