"""Rate and length of one wav.scp entry, from its header where that is enough."""

import io
import re
import subprocess
from pathlib import Path
from typing import BinaryIO, NamedTuple

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

    A file's header is trusted; a pipe is run and counted, since a program that writes to a pipe
    cannot know the length when it writes the header.

    Args:
        entry: `path`, `command |` or `file.ark:offset`.
        read_all: Decode and count all samples, whatever the header says.

    Raises:
        InputError: It is missing, unreadable or empty; names the entry.
    """
    entry = entry.strip()
    if entry.endswith("|"):
        return _probe_stream(io.BytesIO(_pipe_output(entry)), entry, read_all=True)
    match = ARK_ENTRY.fullmatch(entry)
    if match and not Path(entry).exists():
        return _probe_stream(io.BytesIO(_ark_value(match[1], int(match[2]))), entry, read_all)
    try:
        with open(entry, "rb") as stream:
            return _probe_stream(stream, entry, read_all)
    except OSError as error:
        raise InputError(f"{entry}: cannot be opened ({error.strerror})") from None


def _pipe_output(entry: str) -> bytes:
    command = entry.removesuffix("|").strip()
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True)
    if result.returncode:
        last = result.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise InputError(f"command '{command}' failed with code {result.returncode}: {last[0]}")
    return result.stdout


def _ark_value(path: str, offset: int) -> bytes:
    """Bytes of the RIFF file that begins at an offset of an archive."""
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            head = stream.read(8)
            if head[:4] != b"RIFF":
                raise InputError(f"{path}:{offset}: no WAV file begins there")
            return head + stream.read(int.from_bytes(head[4:], "little"))
    except OSError as error:
        raise InputError(f"{path}:{offset}: cannot be opened ({error.strerror})") from None


def _probe_stream(stream: BinaryIO, entry: str, read_all: bool) -> AudioInfo:
    try:
        import soundfile
    except ImportError:
        raise InputError("this python3 has no soundfile: source path.sh first") from None
    try:
        with soundfile.SoundFile(stream) as audio:
            num_samples = audio.frames
            if read_all or num_samples >= UNKNOWN_FRAMES:
                num_samples = sum(len(block) for block in audio.blocks(1 << 16, dtype="int16"))
            rate = audio.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{entry}: cannot be read as audio ({error})") from None
    if num_samples <= 0:
        raise InputError(f"{entry}: holds no samples")
    return AudioInfo(rate, num_samples)
