"""Reader of shards, which are uncompressed tar files of audio and transcripts (WeNet's format).

An utterance consists of two members, `<key>.wav` (or another audio format) and `<key>.txt`. A
thousand utterances are read from one file sequentially. A thousand small files would take a
thousand disk seeks, or a thousand requests over a network.

`shards.scp` of a data directory locates each utterance by a line `utterance member offset shard`:
the audio's name in the tar file, and the byte at which its content begins. Lengths are listed in
utt2num_frames, as for every other set. Batches by length can thus be formed, and a training
resumed, without opening the shards. Two positioned reads load an utterance, in any order.

A shard is a file, or an address such as `https://host/train_000000000.tar` that fsspec can read
(see `moeasr.data.shards.remote_files`).
"""

import os
import tarfile
from collections.abc import Iterable
from io import BytesIO
from typing import NamedTuple

import numpy as np
from torch import Tensor

from moeasr.audio.file import read_audio_bytes
from moeasr.audio.probe import AudioInfo
from moeasr.audio.samples import measure_stream, sample_range
from moeasr.data.shards.remote_files import RemoteFiles, is_address
from moeasr.errors import InputError
from moeasr.open_files import OpenFiles, read_at

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus")
TEXT_SUFFIX = ".txt"
NAME_BYTES = 100
"""Maximum length of a member's name in its own header; longer names have a header of their own."""
MAKE_AGAIN = "copy or make this shard again"


class ShardEntry(NamedTuple):
    """An entry of shards.scp, which gives the position of an utterance's audio in a shard."""

    member: str
    offset: int
    path: str

    def __str__(self) -> str:
        return f"{self.member} {self.offset} {self.path}"

    @classmethod
    def parse(cls, entry: str) -> "ShardEntry":
        """Return the parts of an entry.

        Raises:
            InputError: The entry is malformed.
        """
        fields = entry.split(" ", 2)
        if len(fields) != 3 or not _is_offset(fields[1]):
            raise InputError(
                f"an entry of shards.scp must be `member offset shard`, but is `{entry}`"
            )
        return cls(fields[0], int(fields[1]), fields[2].removeprefix("file://"))


class ShardReader:
    """A reader of audio by its entry in shards.scp, which keeps shards open.

    Args:
        read_ahead: Ask the system to fetch a whole shard when its first utterance is read. This
            takes one sequential read for all loader processes. Use it for batches that are drawn
            from a few shards at a time. A shard at an address is not fetched as a whole: each
            process requests the utterances that it needs.
    """

    def __init__(self, read_ahead: bool = False) -> None:
        self._files = OpenFiles()
        self._remote = RemoteFiles()
        self._read_ahead = read_ahead

    def read(
        self, entry: str, start_sec: float | None = None, end_sec: float | None = None
    ) -> tuple[Tensor, int]:
        """Read a segment of an entry, as `moeasr.audio.recording.RecordingReader.read` does.

        Raises:
            InputError: The shard is missing or truncated, or contains another member or no audio at
                this position.
        """
        parts = ShardEntry.parse(entry)
        content = self._content(parts)
        samples, rate_hz, _ = read_audio_bytes(content, f"{parts.member} of shard {parts.path}")
        start, end = sample_range(samples.numel(), rate_hz, start_sec, end_sec, parts.member)
        return samples[start:end], rate_hz

    def measure(self, entry: str) -> AudioInfo:
        """Return the sample rate and length of an entry, from the header of its audio.

        Raises:
            InputError: As in `read`.
        """
        parts = ShardEntry.parse(entry)
        name = f"{parts.member} of shard {parts.path}"
        rate_hz, num_samples, overshoots = measure_stream(BytesIO(self._content(parts)), name)
        return AudioInfo(rate_hz, num_samples, overshoots)

    def _content(self, entry: ShardEntry) -> bytes:
        header = b""
        if entry.offset >= tarfile.BLOCKSIZE:
            header = self._read_at(entry.path, entry.offset - tarfile.BLOCKSIZE, tarfile.BLOCKSIZE)
        size = _member_size(header, entry)
        content = self._read_at(entry.path, entry.offset, size) if size >= 0 else b""
        if len(content) != size:
            raise InputError(
                f"shard {entry.path} is truncated: it ends within {entry.member}; {MAKE_AGAIN}"
            )
        return content

    def _read_at(self, path: str, start: int, num_bytes: int) -> bytes:
        """Return bytes of a shard; fewer only at its end."""
        if is_address(path):
            try:
                return self._remote.read(path, start, num_bytes)
            except InputError as error:
                raise InputError(f"shard {error}") from None
        try:
            is_new = path not in self._files
            descriptor = self._files.descriptor(path)
            if is_new and self._read_ahead:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
            return read_at(descriptor, start, num_bytes)
        except OSError as error:
            raise InputError(f"shard {path} cannot be read: {error.strerror}") from None


def shard_numbers(entries: Iterable[str], num_entries: int) -> np.ndarray:
    """Return the (N,) int32 number of the shard of each of N entries, numbered from 0 in order."""
    numbers: dict[str, int] = {}
    paths = (ShardEntry.parse(entry).path for entry in entries)
    return np.fromiter((numbers.setdefault(p, len(numbers)) for p in paths), np.int32, num_entries)


def _member_size(header: bytes, entry: ShardEntry) -> int:
    """Return the size of a member in bytes, from the header that precedes it.

    Raises:
        InputError: The header is missing, or belongs to another member.
    """
    if len(header) < tarfile.BLOCKSIZE:
        raise InputError(
            f"shard {entry.path} is truncated: it ends before {entry.member}; {MAKE_AGAIN}"
        )
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        member = None
    name = entry.member
    # a header contains only the start of a long name, and in Python's format only ASCII
    known_as = {part.encode()[:NAME_BYTES] for part in (name, _in_ascii(name))}
    found = None if member is None else member.name.encode("utf-8", "surrogateescape")[:NAME_BYTES]
    if member is None or found not in known_as:
        raise InputError(
            f"shard {entry.path} does not contain {name} at the offset in shards.scp; make the "
            "shards or shards.scp again, so that they belong together"
        )
    return member.size


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _in_ascii(name: str) -> str:
    return name.encode("ascii", "replace").decode()
