"""Audio of one `wav.scp` entry: a file, a pipe, or a place in an archive, as mono float samples."""

import os

import kaldiio
import numpy as np
import torch
import torchaudio.functional

from moeasr.data.audio_file import mix_down, read_audio_bytes, read_segment, sample_range
from moeasr.data.decoders import Effect, Resample, Speed
from moeasr.data.kaldi.probe import read_riff
from moeasr.data.pipes import UndecodableError, parse_pipe, run_command
from moeasr.errors import InputError
from moeasr.features.augment import RESAMPLE_FILTER_WIDTH, perturb_speed, perturb_volume


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
            half a second after the end of the recording.

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
                return read_segment(path, start_sec, end_sec, channel)
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


def _read_stored(entry: str, channel: int | None) -> tuple[torch.Tensor, int]:
    """Read a file, or a place in an archive, from beginning to end."""
    place = _archive_place(entry)
    if place is None:
        return read_segment(entry, channel=channel)
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
    riff = read_riff(archive, offset)
    if riff is not None:
        return read_audio_bytes(riff, f"archive entry {entry}", channel)
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
    return mix_down(samples, f"archive entry {entry}", channel), int(rate_hz)
