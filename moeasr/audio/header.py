"""The header of an audio file: opened with libsndfile, and compared with what follows it."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import soundfile

from moeasr.audio.bounds import check_rate
from moeasr.audio.pipes import UndecodableError
from moeasr.audio.wav_repair import is_wav, repair_wav
from moeasr.errors import InputError

HEAD_BYTES = 1024  # a SPHERE header

UNKNOWN_FRAMES = 2**62
"""libsndfile reports at least so many frames for a FLAC stream that was written into a pipe."""

STREAM_BYTES = 0x7FFF0000
"""A WAV header that promises this much or more was written by a program that could not seek back
to fill in the length (sox and ffmpeg into a pipe): the promise is no promise."""

PLACEHOLDER_BYTES = 2_000_000_000
"""Other programs put 2 000 000 000, which hardly any recording reaches."""

HEADER_BYTES = 44
"""Programs that take the size of the whole file for that of its samples promise so many too many;
those that do not understand blocks of a codec, up to a block."""

_OUTRUN = re.compile(
    r"^ *(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
"""libsndfile's log of a length that outruns the file: of the samples in WAV, AIFF and AU, of the
whole in W64 and RF64."""
_BLOCK = re.compile(r"^ *Block Align *: (\d+)", re.MULTILINE)


def sphere_info(head: bytes, name: str) -> tuple[int, int] | None:
    """Return rate and samples of SPHERE compressed with Shorten (old discs of the LDC).

    Returns:
        What its header tells; None if it does not, or for any other file.

    Raises:
        InputError: The rate is not one of audio.
    """
    rate_hz, num_samples = (_sphere_number(head, f) for f in (b"sample_rate", b"sample_count"))
    if not _is_shorten(head) or rate_hz == 0 or num_samples == 0:
        return None
    check_rate(rate_hz, name)
    return rate_hz, num_samples


def _is_shorten(head: bytes) -> bool:
    return head.startswith(b"NIST_1A") and b"embedded-shorten" in head


def _sphere_number(head: bytes, field: bytes) -> int:
    """Return an integer field of a SPHERE header; 0 if there is none."""
    found = re.search(field + rb" -i (\d+)", head)
    return int(found[1]) if found else 0


@contextmanager
def open_audio(source: str | BinaryIO, head: bytes, name: str) -> Iterator[soundfile.SoundFile]:
    """Open an audio file; a WAV file with a faulty layout is repaired in memory.

    Args:
        source: A path or a seekable stream.
        head: Its first HEAD_BYTES.
        name: Its name in messages.

    Raises:
        UndecodableError: libsndfile cannot open it, or cannot decode it in the block, or it does
            not tell its length, without which libsndfile cannot read it.
        InputError: It is empty, or its sample rate is not one of audio.
    """
    if not head:
        raise InputError(f"{name} is empty (0 bytes), not audio")
    if _is_shorten(head):  # libsndfile would call it merely malformed
        raise UndecodableError(
            f"{name} is SPHERE compressed with Shorten, which cannot be read here: "
            "turn it into WAV with NIST's sph2pipe"
        )
    try:
        with _open(source, head) as audio:
            check_rate(audio.samplerate, name)
            if audio.frames >= UNKNOWN_FRAMES:
                raise UndecodableError(
                    f"{name} does not say how long it is: encode it into a file, not a pipe"
                )
            yield audio
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".").removeprefix("Error : ")
        raise UndecodableError(
            f"{name} cannot be decoded: damaged, or not audio ({reason or 'unknown coding'})"
        ) from None


def _open(source: str | BinaryIO, head: bytes) -> soundfile.SoundFile:
    """Open a file as it is, or else as `repair_wav` makes it."""
    try:
        audio = _open_by_content(source)
        if audio.frames > 0 or not is_wav(head):
            return audio
        audio.close()
    except soundfile.LibsndfileError:
        if not is_wav(head):
            raise
    repaired = repair_wav(_content(source))
    if repaired is not None:
        return soundfile.SoundFile(io.BytesIO(repaired))
    if not isinstance(source, str):
        source.seek(0)
    return _open_by_content(source)


def _open_by_content(source: str | BinaryIO) -> soundfile.SoundFile:
    """Open a file without its name: of one that ends in `.raw`, soundfile asks for the rate."""
    if isinstance(source, str):
        return soundfile.SoundFile(os.open(source, os.O_RDONLY))
    nameless = SimpleNamespace(read=source.read, seek=source.seek, tell=source.tell)
    return soundfile.SoundFile(nameless)


def _content(source: str | BinaryIO) -> bytes:
    if isinstance(source, str):
        return Path(source).read_bytes()
    source.seek(0)
    return source.read()


def header_overshoots(audio: soundfile.SoundFile, head: bytes, name: str) -> bool:
    """Return whether a header promises a little more than there is, by a known fault of writers.

    libsndfile silently reads what is left of a cut WAV or SPHERE file, and training would then
    learn a whole transcript on half of its audio.

    Raises:
        InputError: The file is cut short.
    """
    if audio.format == "NIST":
        promised, there, unit = _sphere_number(head, b"sample_count"), audio.frames, "samples"
        slack = 0
    else:
        found = _OUTRUN.search(audio.extra_info)
        promised, there = (int(found[1]), int(found[2])) if found else (0, 0)
        unit = "bytes"
        block = _BLOCK.search(audio.extra_info)
        slack = max(HEADER_BYTES, int(block[1]) if block else 0)
    if promised <= there or promised >= STREAM_BYTES:
        return False
    if promised - there > slack and promised < PLACEHOLDER_BYTES:
        raise InputError(
            f"{name} is cut short: its header promises {promised} {unit}, but {there} are there"
        )
    return True
