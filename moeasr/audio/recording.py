"""The audio of a wav.scp entry (a file, a pipe or an archive position) as mono float samples."""

import torch

from moeasr.audio.ark import archive_place, read_record
from moeasr.audio.bounds import check_new_rate
from moeasr.audio.commands import can_run_decoder, run_command
from moeasr.audio.file import Audio, read_audio_bytes, read_segment
from moeasr.audio.header_length import measure_header
from moeasr.audio.perturb import perturb_speed, perturb_volume
from moeasr.audio.pipes import UndecodableError, parse_pipe
from moeasr.audio.probe import AudioInfo
from moeasr.audio.programs import Effect, Resample, Speed
from moeasr.audio.resampling import resample_waveform
from moeasr.audio.samples import sample_range
from moeasr.fields import SPACES


class RecordingReader:
    """A reader of segments, at the sample rate of their recording.

    The reader seeks in files, including a file that a pipe only decodes. Any other pipe, or an
    archive entry, has to be decoded as a whole. The last such recording is kept in memory, so that
    further segments of the same recording are not decoded again.

    Args:
        channel: Number of the channel, from 1, that is read if an entry does not choose one; None
            averages the channels.
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._entry: str | None = None
        self._recording: Audio | None = None
        self.last_header_overshoots = False
        """True if the header of the last recording announced more samples than there are."""

    def read(
        self, entry: str, start_sec: float | None = None, end_sec: float | None = None
    ) -> tuple[torch.Tensor, int]:
        """Read a segment of a recording, or the whole recording.

        Args:
            entry: A path (WAV, FLAC, NIST SPHERE in PCM, or any other format that libsndfile
                reads), a shell `command |`, or `file.ark:offset`.
            start_sec: Start of the segment, seconds; None is the start of the recording.
            end_sec: End of the segment, seconds; None or -1 is the end of the recording. It may lie
                up to half a second after the end of the recording.

        Returns:
            (S,) float32 mono samples in [-1, 1], S > 0, and their rate in Hz.

        Raises:
            InputError: The audio is missing, empty, truncated or not audio, its command fails, or
                the segment lies outside of the recording. The message names the entry.
        """
        entry = entry.strip(SPACES)
        audio = self._read_sought(entry, start_sec, end_sec)
        if audio is None:
            if self._recording is None or entry != self._entry:
                self._recording = None  # free the old recording before the new one is decoded
                is_pipe = entry.endswith("|")
                read_whole = _read_pipe if is_pipe else _read_stored
                self._recording = read_whole(entry, self._channel)
                self._entry = entry
            waveform, rate_hz, overshoots = self._recording
            start, end = sample_range(waveform.numel(), rate_hz, start_sec, end_sec, entry)
            audio = Audio(waveform[start:end], rate_hz, overshoots)
        self.last_header_overshoots = audio.header_overshoots
        return audio.samples, audio.rate_hz

    def measure(self, entry: str) -> AudioInfo:
        """Return the sample rate and length of a recording, from its header where possible."""
        entry = entry.strip(SPACES)
        info = measure_header(entry)
        if info is not None:
            return info
        samples, rate_hz = self.read(entry)
        return AudioInfo(rate_hz, samples.numel(), self.last_header_overshoots)

    def _read_sought(
        self, entry: str, start_sec: float | None, end_sec: float | None
    ) -> Audio | None:
        """Read only a segment; None if the recording has to be decoded as a whole."""
        file = _seekable(entry)
        if file is None:
            return None
        path, channel = file
        try:
            channel = self._channel if channel is None else channel
            return read_segment(path, start_sec, end_sec, channel)
        except UndecodableError:
            if path == entry or not can_run_decoder(parse_pipe(entry)):
                raise
            return None


def apply_effect(effect: Effect, waveform: torch.Tensor, rate_hz: int) -> tuple[torch.Tensor, int]:
    """Apply an effect of a wav.scp command to (S,) samples; return (S',) samples and their rate."""
    if isinstance(effect, Resample):
        return resample(waveform, rate_hz, effect.target_rate_hz)
    if isinstance(effect, Speed):
        return perturb_speed(waveform, rate_hz, effect.factor), rate_hz
    return perturb_volume(waveform, effect.factor), rate_hz


def resample(
    waveform: torch.Tensor, rate_hz: int, sample_rate_hz: int | None
) -> tuple[torch.Tensor, int]:
    """Resample (S,) samples from `rate_hz` to `sample_rate_hz`, and return them with their rate.

    If `sample_rate_hz` is None, the samples and `rate_hz` are returned unchanged.
    """
    if sample_rate_hz is None or rate_hz == sample_rate_hz:
        return waveform, rate_hz
    check_new_rate(sample_rate_hz)
    return resample_waveform(waveform, rate_hz, sample_rate_hz), sample_rate_hz


def is_seekable(entry: str) -> bool:
    """Return whether a segment can be read without decoding the whole recording."""
    return _seekable(entry.strip(SPACES)) is not None


def _seekable(entry: str) -> tuple[str, int | None] | None:
    """Return the path and channel of an entry that is a file, or a pipe that only decodes a file.

    Any other entry gives None.
    """
    channel = None
    if entry.endswith("|"):
        pipe = parse_pipe(entry)
        if pipe.source is None or pipe.effects:
            return None
        entry, channel = pipe.source, pipe.channel
    return None if archive_place(entry) else (entry, channel)


def _read_stored(entry: str, channel: int | None) -> Audio:
    """Read a whole file, or a whole audio record of an archive."""
    place = archive_place(entry)
    if place is None:
        return read_segment(entry, channel=channel)
    return read_audio_bytes(read_record(*place), f"archive entry {entry}", channel)


def _read_pipe(entry: str, channel: int | None, run_decoder: bool = False) -> Audio:
    """Read the output of a command, emulating its programs as far as possible."""
    pipe = parse_pipe(entry, run_decoder)
    channel = channel if pipe.channel is None else pipe.channel
    try:
        if pipe.source is None:
            name = f"output of `{pipe.command}`"
            audio = read_audio_bytes(run_command(pipe.command), name, channel)
        else:
            audio = _read_stored(pipe.source, channel)
    except UndecodableError:
        if not can_run_decoder(pipe):
            raise
        return _read_pipe(entry, channel, run_decoder=True)
    waveform, rate_hz, overshoots = audio
    for effect in pipe.effects:
        waveform, rate_hz = apply_effect(effect, waveform, rate_hz)
    return Audio(waveform, rate_hz, overshoots)
