"""The sample rate and length of a wav.scp entry, from its header where possible."""

import io
import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from moeasr.audio.ark import archive_place, read_record
from moeasr.audio.commands import can_run_decoder, run_command
from moeasr.audio.pipes import UndecodableError, parse_pipe
from moeasr.audio.programs import Effect, Resample, Speed
from moeasr.errors import InputError
from moeasr.fields import SPACES
from moeasr.plurals import counted

if TYPE_CHECKING:
    from soundfile import SoundFile


class AudioInfo(NamedTuple):
    """The sample rate and length of a wav.scp entry."""

    sample_rate_hz: int
    num_samples: int
    header_overshoots: bool = False
    """True if the header announces more samples than there are, because of a known writer bug."""

    @property
    def duration_sec(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate_hz


def overshoot_warning(count: int, item: str) -> str:
    """Return a warning that audio headers state more samples than their files contain.

    Args:
        count: Number of such headers.
        item: The kind of the items that are counted: `file`, `recording` or `utterance`.
    """
    return (
        f"warning: the headers of {counted(count, item)} announce more samples than are present, "
        "because of a known bug of programs that write WAV; all samples that are present are read"
    )


def resampling_notice(count: int, rate_hz: int, target_hz: int) -> str:
    """Return a sentence about utterances that have another sample rate than the features."""
    utterances = counted(count, "utterance is", "utterances are")
    return f"{utterances} resampled from {rate_hz} Hz to {target_hz} Hz"


def probe_audio(entry: str, read_all: bool = False) -> AudioInfo:
    """Open a wav.scp entry and return its sample rate and length.

    The header of a file is trusted, even if the entry is a command that only decodes this file. The
    output of other commands is decoded and counted, because a program that writes to a pipe does
    not know the length when it writes the header.

    Args:
        entry: `path`, `command |` or `file.ark:offset`.
        read_all: True to decode and count all samples, regardless of the header.

    Raises:
        InputError: The audio is missing, unreadable or empty. The message names the entry.
    """
    entry = entry.strip(SPACES)
    if entry.endswith("|"):
        return _probe_pipe(entry, read_all)
    place = archive_place(entry)
    if place is not None:
        return probe_stream(io.BytesIO(read_record(*place)), f"archive entry {entry}", read_all)
    if os.path.exists(entry) and not os.path.isfile(entry):  # opening a named pipe would block
        raise InputError(f"{entry}: cannot be opened (it is not a file)")
    try:
        with open(entry, "rb") as stream:
            return probe_stream(stream, entry, read_all)
    except OSError as error:
        raise InputError(f"{entry}: cannot be opened ({error.strerror})") from None


def _probe_pipe(entry: str, read_all: bool, run_decoder: bool = False) -> AudioInfo:
    pipe = parse_pipe(entry, run_decoder)
    try:
        if pipe.source is None:
            output = io.BytesIO(run_command(pipe.command))
            info = probe_stream(output, f"output of `{pipe.command}`", read_all=True)
        else:
            info = probe_audio(pipe.source, read_all)
    except UndecodableError:
        if not can_run_decoder(pipe):
            raise
        return _probe_pipe(entry, read_all, run_decoder=True)
    for effect in pipe.effects:
        info = info_after(effect, info)
    return info


def info_after(effect: Effect, info: AudioInfo) -> AudioInfo:
    """Return the sample rate and the exact length after an effect."""
    from moeasr.audio.sample_counts import perturbed_length, resampled_length  # needs numpy

    rate_hz, num_samples, overshoots = info
    if isinstance(effect, Resample):
        num_samples = resampled_length(num_samples, rate_hz, effect.target_rate_hz)
        rate_hz = effect.target_rate_hz
    elif isinstance(effect, Speed):
        num_samples = perturbed_length(num_samples, rate_hz, effect.factor)
    return AudioInfo(rate_hz, num_samples, overshoots)


def probe_stream(stream: BinaryIO, entry: str, read_all: bool) -> AudioInfo:
    """Return the sample rate and length of an open file; `entry` is its name in messages."""
    try:
        from moeasr.audio.header import HEAD_BYTES, open_audio, sphere_info
    except ImportError:
        raise InputError(
            "this python3 does not have the package soundfile; run `. ./path.sh` first"
        ) from None
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    told = None if read_all else sphere_info(head, entry)
    if told is not None:  # libsndfile may be unable to decode the samples
        rate_hz, num_samples = told
    else:
        with open_audio(stream, head, entry) as audio:
            rate_hz, num_samples = audio.samplerate, audio.frames
            if read_all:
                num_samples = _count_samples(audio)
    if num_samples <= 0:
        raise InputError(f"{entry}: contains no samples")
    return AudioInfo(rate_hz, num_samples)


def _count_samples(audio: "SoundFile") -> int:
    """Count all samples by decoding them in blocks, without seeking: some formats cannot seek."""
    num_samples = 0
    while num_read := len(audio.read(1 << 16, dtype="int16")):
        num_samples += num_read
    return num_samples
