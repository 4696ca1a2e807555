"""Headers of audio files, compared with the data that follows them."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import soundfile

from moeasr.audio import ogg_pages
from moeasr.audio.bounds import check_rate
from moeasr.audio.pipes import UndecodableError
from moeasr.audio.wav_repair import is_wav, repair_wav
from moeasr.errors import InputError

HEAD_BYTES = 1024  # the length of a SPHERE header

UNKNOWN_FRAMES = 2**62
"""Smallest number of frames that means an unknown length, as of a FLAC stream from a pipe."""

STREAM_BYTES = 0x7FFF0000
"""Smallest length in a WAV header that is a placeholder: the program that wrote the file (sox or
ffmpeg into a pipe) could not seek back to fill in the true length."""

PLACEHOLDER_BYTES = 2_000_000_000
"""Placeholder length of other programs, which hardly any recording reaches."""

HEADER_BYTES = 44
"""Largest accepted excess of the length in a header, unless the codec has larger blocks. Some
programs write the length of the whole file, including its header, in place of that of the samples.
Programs that do not know the blocks of a codec write a length too large by up to one block."""

_OUTRUN = re.compile(
    r"^ *(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
"""Pattern of libsndfile's log line about a length beyond the end of the file. The length is that of
the samples in WAV, AIFF and AU, and that of the whole file in W64 and RF64."""
_BLOCK = re.compile(r"^ *Block Align *: (\d+)", re.MULTILINE)


def sphere_info(head: bytes, name: str) -> tuple[int, int] | None:
    """Return the sample rate and length of a SPHERE file compressed with Shorten (old LDC discs).

    Returns:
        The values in the header; None if they are missing, or if the file has another format.

    Raises:
        InputError: The sample rate is out of range.
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
        head: The first HEAD_BYTES of the source.
        name: The source's name in messages.

    Raises:
        UndecodableError: libsndfile cannot open the file, fails to decode it in the `with` block,
            or cannot read it because its length is unknown.
        InputError: The file is empty, an Ogg file that was cut short, or its sample rate is out of
            range.
    """
    if not head:
        raise InputError(f"{name} is empty (0 bytes)")
    if _is_shorten(head):  # libsndfile would only report a malformed file
        raise UndecodableError(
            f"{name} is a SPHERE file compressed with Shorten, which moeasr cannot read: "
            "convert it to WAV with NIST's sph2pipe"
        )
    if head.startswith(ogg_pages.MARK) and _is_cut_short(source):  # libsndfile reads what is there
        raise InputError(f"{name} is truncated: its last Ogg page is incomplete")
    with decoding(name), _open(source, head) as audio:
        check_rate(audio.samplerate, name)
        if audio.frames >= UNKNOWN_FRAMES:
            raise UndecodableError(
                f"{name} does not contain its length: encode it into a file, not into a pipe"
            )
        yield audio


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Raise `UndecodableError` with the name of the file if libsndfile fails in the block."""
    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".").removeprefix("Error : ")
        raise UndecodableError(
            f"{name} cannot be decoded: it is damaged or not audio ({reason or 'unknown coding'})"
        ) from None


def _open(source: str | BinaryIO, head: bytes) -> soundfile.SoundFile:
    """Open a file; if that fails and it is a WAV file, open the result of `repair_wav`."""
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


def _is_cut_short(source: str | BinaryIO) -> bool:
    if not isinstance(source, str):
        return ogg_pages.is_cut_short(source)
    with open(source, "rb") as stream:
        return ogg_pages.is_cut_short(stream)


def _open_by_content(source: str | BinaryIO) -> soundfile.SoundFile:
    """Open a file without passing its name: for `.raw`, soundfile would ask for the rate."""
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
    """Return whether a header announces slightly too many samples because of a known writer bug.

    libsndfile reads a truncated WAV or SPHERE file without an error. Training would then learn the
    whole transcript from a part of the audio.

    Raises:
        InputError: The file is truncated.
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
            f"{name} is truncated: its header announces {promised} {unit}, but only {there} are "
            "present"
        )
    return True
