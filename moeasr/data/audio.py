"""Audio of one `wav.scp` entry: a file, a pipe, or a place in an archive, as mono float samples."""

import io
import os
import re
from pathlib import Path
from typing import BinaryIO

import kaldiio
import numpy as np
import soundfile
import torch
import torchaudio.functional

from moeasr.data.decoders import MIXED, Effect, Resample, Speed
from moeasr.data.pipes import UndecodableError, parse_pipe, run_command
from moeasr.errors import InputError
from moeasr.features.augment import RESAMPLE_FILTER_WIDTH, perturb_speed, perturb_volume

MAX_OVERSHOOT_SEC = 0.5
"""A segment may end this much after its recording, as in Kaldi's extract-segments."""

STREAM_BYTES = 0x7FFF0000
"""A WAV header that promises this much or more was written by a program that could not seek back
to fill in the length (sox and ffmpeg into a pipe): the promise is no promise."""

UNKNOWN_FRAMES = 2**62
"""libsndfile reports 2^63 - 1 frames for a FLAC stream that was written into a pipe."""

HEAD_BYTES = 1024  # a SPHERE header

OUTRUN = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""What is said of the samples' chunk of a WAV, AIFF or AU file."""


def read_audio(
    entry: str,
    sample_rate_hz: int | None,
    start_sec: float | None = None,
    end_sec: float | None = None,
) -> tuple[torch.Tensor, int]:
    """Read audio, mix its channels down to their mean, and bring it to a sample rate.

    Args:
        entry: A path (WAV, FLAC, NIST SPHERE in PCM, whatever else libsndfile knows), a
            `command |` for the shell, or `file.ark:offset`.
        sample_rate_hz: The rate to resample to, Hz; None keeps the file's own.
        start_sec: Where to begin, seconds; None is the beginning.
        end_sec: Where to end, seconds; None or below 0 is the end. It may lie up to
            MAX_OVERSHOOT_SEC after the end of the recording.

    Returns:
        (S,) float32 samples in [-1, 1], S > 0, and their rate in Hz.

    Raises:
        InputError: Naming the entry, if it is missing, empty, cut short or not audio, if its
            command fails, or if the segment lies outside of it.
    """
    waveform, rate_hz = RecordingReader().read(entry, start_sec, end_sec)
    return resample(waveform, rate_hz, sample_rate_hz)


class RecordingReader:
    """Reads one segment after the other, at the rate of its recording.

    Files are sought in, also those that a decoder's pipe names; whatever else comes from a pipe or
    an archive must be decoded whole, and the last one is kept, so that the next segment of the same
    recording costs nothing.
    """

    def __init__(self) -> None:
        self._entry: str | None = None
        self._recording: tuple[torch.Tensor, int] | None = None

    def read(
        self, entry: str, start_sec: float | None = None, end_sec: float | None = None
    ) -> tuple[torch.Tensor, int]:
        """As `read_audio` without resampling."""
        entry = entry.strip()
        file = _seekable(entry)
        if file is not None:
            path, channel = file
            try:
                return _read_file(path, start_sec, end_sec, channel)
            except UndecodableError:
                if path == entry or not parse_pipe(entry).can_run_decoder:
                    raise
        if self._recording is None or entry != self._entry:
            self._recording = None  # let go of the old one before the new one is decoded
            is_pipe = entry.endswith("|")
            self._recording = _read_pipe(entry) if is_pipe else _read_stored(entry, None)
            self._entry = entry
        waveform, rate_hz = self._recording
        start, end = sample_range(waveform.numel(), rate_hz, start_sec, end_sec, entry)
        return waveform[start:end], rate_hz


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
        start_sec: As in `read_audio`.

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


def apply_effect(effect: Effect, waveform: torch.Tensor, rate_hz: int) -> tuple[torch.Tensor, int]:
    """Do to (S,) samples what a command of a wav.scp does; returns (S',) samples and their rate."""
    if isinstance(effect, Resample):
        return resample(waveform, rate_hz, effect.target_rate_hz)
    if isinstance(effect, Speed):
        return perturb_speed(waveform, rate_hz, effect.factor), rate_hz
    return perturb_volume(waveform, effect.factor), rate_hz


def resample(
    waveform: torch.Tensor, rate_hz: int, sample_rate_hz: int | None
) -> tuple[torch.Tensor, int]:
    """(S,) samples at `rate_hz` brought to `sample_rate_hz` (None: left as they are)."""
    if sample_rate_hz is None or rate_hz == sample_rate_hz:
        return waveform, rate_hz
    waveform = torchaudio.functional.resample(
        waveform, rate_hz, sample_rate_hz, lowpass_filter_width=RESAMPLE_FILTER_WIDTH
    )
    return waveform, sample_rate_hz


def is_seekable(entry: str) -> bool:
    """Whether a segment can be read without decoding the whole recording."""
    return _seekable(entry.strip()) is not None


def _seekable(entry: str) -> tuple[str, int | None] | None:
    """Path and channel of an entry that is a file, or a pipe that does nothing but decode one."""
    channel = None
    if entry.endswith("|"):
        pipe = parse_pipe(entry)
        if pipe.source is None or pipe.effects:
            return None
        entry, channel = pipe.source, pipe.channel
    return None if _archive_place(entry) else (entry, channel)


def sample_range(
    num_samples: int, rate_hz: int, start_sec: float | None, end_sec: float | None, name: str
) -> tuple[int, int]:
    """First sample of a segment, and the one after its last.

    Args:
        num_samples: Length of the recording.
        rate_hz: Its rate.
        start_sec: As in `read_audio`.
        end_sec: As in `read_audio`.
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


def _read_file(
    path: str,
    start_sec: float | None = None,
    end_sec: float | None = None,
    channel: int | None = None,
) -> tuple[torch.Tensor, int]:
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
        start_sec: As in `read_audio`.
        end_sec: As in `read_audio`.
        channel: As in `_mono`.
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
    return _mono(samples, name, channel), rate_hz


def _mono(samples: np.ndarray, name: str, channel: int | None) -> torch.Tensor:
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


def _read_stored(entry: str, channel: int | None) -> tuple[torch.Tensor, int]:
    """Read a file, or a place in an archive, from beginning to end."""
    place = _archive_place(entry)
    if place is None:
        return _read_file(entry, channel=channel)
    return _read_archive(*place, entry, channel)


def _read_pipe(entry: str, run_decoder: bool = False) -> tuple[torch.Tensor, int]:
    """Do in this process what a command would, as far as it is understood."""
    pipe = parse_pipe(entry, run_decoder)
    try:
        if pipe.source is None:
            name = f"output of `{pipe.command}`"
            waveform, rate_hz = read_audio_bytes(run_command(pipe.command), name, pipe.channel)
        else:
            waveform, rate_hz = _read_stored(pipe.source, pipe.channel)
    except UndecodableError:
        if not pipe.can_run_decoder:
            raise
        return _read_pipe(entry, run_decoder=True)
    for effect in pipe.effects:
        waveform, rate_hz = apply_effect(effect, waveform, rate_hz)
    return waveform, rate_hz


def _archive_place(entry: str) -> tuple[str, int] | None:
    """(archive, offset) of `file.ark:offset`; None for the name of a file."""
    archive, colon, offset = entry.rpartition(":")
    if not colon or not offset.isdigit() or os.path.isfile(entry):
        return None
    return archive, int(offset)


def _read_archive(
    archive: str, offset: int, entry: str, channel: int | None
) -> tuple[torch.Tensor, int]:
    if not os.path.isfile(archive):
        raise InputError(f"audio archive {archive} does not exist")
    with open(archive, "rb") as handle:
        handle.seek(offset)
        head = handle.read(8)
        if head.startswith(b"RIFF"):
            size = int.from_bytes(head[4:8], "little")
            content = head + handle.read(size)
            return read_audio_bytes(content, f"archive entry {entry}", channel)
    try:
        content = kaldiio.load_mat(entry)
    except Exception as error:  # kaldiio has no errors of its own: whatever its parsers stumble on
        raise InputError(
            f"archive entry {entry} cannot be read: {str(error) or type(error).__name__}"
        ) from None
    if not isinstance(content, tuple) or not np.size(content[1]):
        raise InputError(f"archive entry {entry} is not audio, or holds no samples")
    rate_hz, samples = content
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    samples = np.atleast_2d(samples.astype(np.float32).T).T
    return _mono(samples, f"archive entry {entry}", channel), int(rate_hz)
