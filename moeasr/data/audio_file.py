"""An audio file, decoded as mono float samples: all of it, or a segment."""

import io
import os
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch

from moeasr.data.datadir import MAX_OVERSHOOT_SEC
from moeasr.data.decoders import MIXED
from moeasr.data.kaldi.probe import UNKNOWN_FRAMES
from moeasr.data.pipes import UndecodableError
from moeasr.errors import InputError

STREAM_BYTES = 0x7FFF0000
"""A WAV header that promises this much or more was written by a program that could not seek back
to fill in the length (sox and ffmpeg into a pipe): the promise is no promise."""

HEAD_BYTES = 1024  # a SPHERE header

OUTRUN = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""What is said of the samples' chunk of a WAV, AIFF or AU file."""


def read_audio_bytes(
    content: bytes, name: str, channel: int | None = None
) -> tuple[torch.Tensor, int]:
    """Decode a whole audio file that is already in memory (standard input, a request's body).

    Args:
        content: The file's bytes.
        name: What to call it in messages.
        channel: The channel to take, counted from 1; None is their mean.

    Returns:
        (S,) float32 mono samples, S > 0, and their rate in Hz.

    Raises:
        InputError: It is empty, cut short, or not audio.
    """
    return _decode(io.BytesIO(content), content[:HEAD_BYTES], name, channel=channel)


def read_audio_stream(
    stream: BinaryIO, name: str, start_sec: float | None = None
) -> tuple[torch.Tensor, int]:
    """Decode an audio file that is open and can be sought in, perhaps its end only.

    Args:
        stream: The file.
        name: What to call it in messages.
        start_sec: As in `read_segment`.

    Returns:
        (S,) float32 mono samples, S > 0, and their rate in Hz.

    Raises:
        InputError: It is empty, cut short, or not audio.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    return _decode(stream, head, name, start_sec)


def read_audio_file(path: str) -> tuple[torch.Tensor, int]:
    """Read a file, whatever its name: not the command that `x |` is in a wav.scp.

    Returns:
        (S,) float32 mono samples, S > 0, and their rate in Hz.

    Raises:
        InputError: It is missing, empty, cut short, or not audio.
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
) -> tuple[torch.Tensor, int]:
    """Read a file, or a segment of it, and nothing else of it.

    Args:
        path: WAV, FLAC, NIST SPHERE in PCM, whatever else libsndfile knows.
        start_sec: Where to begin, seconds; None is the beginning.
        end_sec: Where to end, seconds; None or below 0 is the end. It may lie up to
            MAX_OVERSHOOT_SEC after the end of the recording.
        channel: As in `mix_down`.

    Returns:
        (S,) float32 mono samples, S > 0, and their rate in Hz.

    Raises:
        InputError: It is missing, empty, cut short, or not audio, or the segment lies outside.
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
) -> tuple[torch.Tensor, int]:
    """Decode what libsndfile can; only the segment is read.

    Args:
        source: A path or a seekable stream.
        head: Its first HEAD_BYTES.
        name: What to call it in messages.
        start_sec: As in `read_segment`.
        end_sec: As in `read_segment`.
        channel: As in `mix_down`.
    """
    if not head:
        raise InputError(f"{name} is empty (0 bytes), not audio")
    if head.startswith(b"NIST_1A") and b"embedded-shorten" in head:
        # libsndfile would call such files (old LDC discs) merely malformed
        raise UndecodableError(
            f"{name} is SPHERE compressed with Shorten, which cannot be read here: "
            "turn it into WAV with NIST's sph2pipe"
        )
    try:
        with soundfile.SoundFile(source) as audio:
            _refuse_cut_short(audio, head, name)
            rate_hz = audio.samplerate
            start, end = sample_range(audio.frames, rate_hz, start_sec, end_sec, name)
            audio.seek(start)
            samples = audio.read(end - start, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".").removeprefix("Error : ")
        raise UndecodableError(
            f"{name} cannot be decoded: damaged, or not audio ({reason})"
        ) from None
    if len(samples) < end - start:
        raise InputError(f"{name} is cut short: samples end after {len(samples)} of {end - start}")
    return mix_down(samples, name, channel), rate_hz


def mix_down(samples: np.ndarray, name: str, channel: int | None) -> torch.Tensor:
    """One channel of (S, C) float32 samples, counted from 1, or the (S,) mean: None, MIXED."""
    num_channels = samples.shape[1]
    if channel in (None, MIXED):
        if num_channels > 1:
            return torch.from_numpy(samples.mean(axis=1, dtype=np.float32))
        channel = 1
    if channel > num_channels:
        raise InputError(f"{name} has no channel {channel}, only {num_channels}")
    return torch.from_numpy(np.ascontiguousarray(samples[:, channel - 1]))


def _refuse_cut_short(audio: soundfile.SoundFile, head: bytes, name: str) -> None:
    """Compare what the header promises with what is there.

    libsndfile silently reads what is left of a cut WAV or SPHERE file, and training would then
    learn a whole transcript on half of its audio.
    """
    if audio.frames >= UNKNOWN_FRAMES:
        raise InputError(f"{name} does not say how long it is: encode it into a file, not a pipe")
    if audio.format == "NIST":
        found = re.search(rb"sample_count -i (\d+)", head)
        promised, there, unit = int(found[1]) if found else 0, audio.frames, "samples"
    else:
        # libsndfile's log has `data : 32000 (should be 15978)` when the chunk outruns the file
        found = OUTRUN.search(audio.extra_info)
        promised, there = (int(found[1]), int(found[2])) if found else (0, 0)
        unit = "bytes"
        if promised >= STREAM_BYTES:
            return
    if promised > there:
        raise InputError(
            f"{name} is cut short: its header promises {promised} {unit}, but {there} are there"
        )


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
