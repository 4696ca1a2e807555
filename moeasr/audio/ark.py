"""Audio records in an archive, recognized by their magic bytes.

An archive may contain arbitrary records, even pickles, which execute code when they are loaded. For
safety only audio files are read from archives, and only libsndfile decodes them.
"""

import os
from typing import BinaryIO

from moeasr.errors import InputError

_ACCEPTED = "a WAV file, a FLAC file or an AUDIO record of kaldiio"


def archive_place(entry: str) -> tuple[str, int] | None:
    """Return the archive and offset of `file.ark:offset`; None for the name of a file."""
    archive, colon, offset = entry.rpartition(":")
    if not colon or not (offset.isascii() and offset.isdigit()) or os.path.isfile(entry):
        return None
    return archive, int(offset)


def read_record(archive: str, offset: int) -> bytes:
    """Read the audio file that is stored at an offset of an archive.

    Accepted records are RIFF/WAV, FLAC (read to the end of the archive) and kaldiio's `AUDIO`
    record, which is an audio file preceded by its length.

    Returns:
        The bytes of the audio file.

    Raises:
        InputError: The archive cannot be read, is truncated, or holds another type of record at
            the offset.
    """
    name = f"archive entry {archive}:{offset}"
    if not os.path.isfile(archive):
        raise InputError(f"archive {archive}: cannot be opened (no such file)")
    try:
        with open(archive, "rb") as stream:
            if offset >= os.fstat(stream.fileno()).st_size:
                raise InputError(
                    f"{name} lies beyond the end of the archive; make wav.scp and the archive again"
                )
            stream.seek(offset)
            return _read_file(stream, name)
    except OSError as error:
        raise InputError(f"archive {archive}: cannot be opened ({error.strerror})") from None


def _read_file(stream: BinaryIO, name: str) -> bytes:
    """Read the audio file that begins at the current position of a stream."""
    magic = stream.read(4)
    if magic == b"RIFF":
        size = stream.read(4)
        return magic + size + _read_exactly(stream, int.from_bytes(size, "little"), name)
    if magic == b"fLaC":
        return magic + stream.read()
    if magic == b"AUDI" and stream.read(1) == b"O":
        num_digits = int.from_bytes(stream.read(1), "little")
        return _read_exactly(stream, int.from_bytes(stream.read(num_digits), "little"), name)
    raise InputError(f"{name} is not audio: expected {_ACCEPTED}")


def _read_exactly(stream: BinaryIO, num_bytes: int, name: str) -> bytes:
    left = os.fstat(stream.fileno()).st_size - stream.tell()
    if num_bytes > left:
        raise InputError(
            f"{name} is truncated: it should have {num_bytes} bytes, but only {left} are present"
        )
    return stream.read(num_bytes)
