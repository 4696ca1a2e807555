"""Rate and length of one wav.scp entry, from its header where that is enough."""

import io
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

from moeasr.data.pipes import UndecodableError, parse_pipe, run_command
from moeasr.errors import InputError

UNKNOWN_FRAMES = 2**62
"""libsndfile reports at least so many frames for a FLAC stream that was written into a pipe."""
ARK_ENTRY = re.compile(r"(.+):(\d+)")


class AudioInfo(NamedTuple):
    """What an entry of wav.scp holds."""

    sample_rate_hz: int
    num_samples: int

    @property
    def duration_sec(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate_hz


def probe_audio(entry: str, read_all: bool = False) -> AudioInfo:
    """Open an entry of wav.scp and tell its rate and length.

    A file's header is trusted, also if a decoder's pipe names it. What another command writes is
    counted, since a program that writes to a pipe cannot know the length when it writes the header.

    Args:
        entry: `path`, `command |` or `file.ark:offset`.
        read_all: Decode and count all samples, whatever the header says.

    Raises:
        InputError: It is missing, unreadable or empty; names the entry.
    """
    entry = entry.strip()
    if entry.endswith("|"):
        return _probe_pipe(entry, read_all)
    match = ARK_ENTRY.fullmatch(entry)
    if match and not Path(entry).exists():
        content = read_riff(match[1], int(match[2]))
        if content is None:
            raise InputError(f"{entry}: no WAV file begins there")
        return probe_stream(io.BytesIO(content), entry, read_all)
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
        if not pipe.can_run_decoder:
            raise
        return _probe_pipe(entry, read_all, run_decoder=True)
    for effect in pipe.effects:
        num_samples, rate_hz = effect.length(info.num_samples, info.sample_rate_hz)
        info = AudioInfo(rate_hz, num_samples)
    return info


def read_riff(archive: str, offset: int) -> bytes | None:
    """The RIFF file (WAV) at an offset of an archive; None if something else begins there.

    Raises:
        InputError: The archive cannot be opened.
    """
    try:
        with open(archive, "rb") as stream:
            stream.seek(offset)
            head = stream.read(8)
            if head[:4] != b"RIFF":
                return None
            return head + stream.read(int.from_bytes(head[4:], "little"))
    except OSError as error:
        raise InputError(f"archive {archive}: cannot be opened ({error.strerror})") from None


def probe_stream(stream: BinaryIO, entry: str, read_all: bool) -> AudioInfo:
    """As `probe_audio`, of a file that is open; `entry` is its name in messages."""
    try:
        import soundfile
    except ImportError:
        raise InputError("this python3 has no soundfile: source path.sh first") from None
    if not stream.read(1):
        raise InputError(f"{entry}: is empty (0 bytes), not audio")
    stream.seek(0)
    try:
        with soundfile.SoundFile(stream) as audio:
            num_samples = audio.frames
            if read_all or num_samples >= UNKNOWN_FRAMES:
                num_samples = sum(len(block) for block in audio.blocks(1 << 16, dtype="int16"))
            rate = audio.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        reason = getattr(error, "error_string", error)  # without the name of a Python object
        raise UndecodableError(f"{entry}: cannot be read as audio ({reason})") from None
    if num_samples <= 0:
        raise InputError(f"{entry}: holds no samples")
    return AudioInfo(rate, num_samples)
