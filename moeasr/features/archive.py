"""Feature archives in Kaldi's ark/scp format, written as a whole and read by offset."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import kaldiio
import numpy as np
import torch

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.open_files import OpenFiles

COMPRESSION_METHOD = 2
"""Kaldi's method kSpeechFeature: one byte per value (about a quarter of the size of float32), with
errors below 0.1."""

_PLAIN_HEADER = 15  # "\0B" "FM " "\4" rows "\4" cols
_COMPRESSED_HEADER = 21  # "\0B" "CM " min range rows cols; CM2 and CM3 are a byte longer
COMPUTE_AGAIN = "compute the features again"


class ArchiveWriter:
    """A writer of matrices to an archive and of their offsets to an index; see `open_archive`."""

    def __init__(self, ark: BinaryIO, scp: BinaryIO, ark_name: str, compress: bool) -> None:
        self._ark = ark
        self._scp = scp
        self._ark_name = ark_name
        self._compression_method = COMPRESSION_METHOD if compress else None

    def write(self, utt_id: str, feats: torch.Tensor) -> None:
        """Append the (T, F) features of an utterance as float32."""
        offset = self._ark.tell() + len(utt_id.encode()) + 1
        matrix = {utt_id: feats.to(torch.float32).numpy()}
        kaldiio.save_ark(self._ark, matrix, compression_method=self._compression_method)
        self._scp.write(f"{utt_id} {self._ark_name}:{offset}\n".encode())


@contextmanager
def open_archive(
    ark: str | Path, scp: str | Path, compress: bool = False
) -> Iterator[ArchiveWriter]:
    """Open `ark` and `scp` for writing; both files appear only if the `with` block succeeds.

    Args:
        ark: The archive. Its name is written to `scp` as given here.
        scp: The index, with a line `utterance ark:offset` per matrix.
        compress: Whether to use Kaldi's compression method 2 instead of float32.

    Raises:
        InputError: The disk is full, or the directory cannot be written.
    """
    try:
        with ExitStack() as stack:
            # contexts exit in reverse: the archive is renamed before the index that refers to it
            scp_path = stack.enter_context(atomic_path(scp))
            ark_path = stack.enter_context(atomic_path(ark))
            scp_file = stack.enter_context(open(scp_path, "wb"))
            ark_file = stack.enter_context(open(ark_path, "wb"))
            yield ArchiveWriter(ark_file, scp_file, str(ark), compress)
    except OSError as error:  # the error of a full disk names no file
        raise InputError(f"cannot write archive {ark}: {error.strerror or error}") from error


class FeatureReader:
    """A reader of matrices by their `archive:offset`, which keeps archives open."""

    def __init__(self) -> None:
        self._files = OpenFiles()

    def read(self, entry: str, utt_id: str) -> torch.Tensor:
        """Read the features at `entry`.

        Args:
            entry: `archive:offset`, or the name of a file that holds one matrix.
            utt_id: The utterance id, for messages.

        Returns:
            (T, F) float32 features.

        Raises:
            InputError: The matrix is missing, damaged, of another type, or contains non-finite
                values. The message names the utterance and the archive.
        """
        place = self._find(entry, utt_id)
        content = os.pread(place.descriptor, place.num_bytes, place.offset)
        if len(content) != place.num_bytes:
            raise InputError(f"{place.name} is truncated; {COMPUTE_AGAIN}")
        if place.kind in ("FM", "DM"):
            dtype = np.dtype("<f4" if place.kind == "FM" else "<f8")
            # always copy: torch must not share the memory of an immutable bytes object
            matrix = np.frombuffer(content, dtype, offset=_PLAIN_HEADER).astype(np.float32)
            feats = torch.from_numpy(matrix.reshape(place.num_frames, place.num_bins))
        else:
            matrix = kaldiio.matio.read_matrix_or_vector(io.BytesIO(content))
            feats = torch.from_numpy(np.array(matrix, dtype=np.float32, order="C"))
        if not bool(torch.isfinite(feats).all()):
            raise InputError(
                f"features of utterance {utt_id} ({entry}) are not finite; compute them again"
            )
        return feats

    def shape(self, entry: str, utt_id: str) -> tuple[int, int]:
        """Return the shape (T, F) of the features at `entry`, from their header.

        Raises:
            InputError: As in `read`, but non-finite values are not detected.
        """
        place = self._find(entry, utt_id)
        return place.num_frames, place.num_bins

    def close(self) -> None:
        """Close all archives."""
        self._files.close()

    def _find(self, entry: str, utt_id: str) -> "_Place":
        archive, offset = _split(entry)
        name = f"features of utterance {utt_id}: archive {archive}"
        try:
            descriptor = self._files.descriptor(archive)
        except OSError as error:
            raise InputError(f"{name} cannot be opened: {error.strerror}") from None
        except ValueError:  # a NUL in the name
            raise InputError(f"{name} cannot be opened: no file has such a name") from None
        try:
            num_left = max(os.fstat(descriptor).st_size - offset, 0)
            header = os.pread(descriptor, _COMPRESSED_HEADER + 1, offset) if num_left else b""
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from None
        if len(header) < _PLAIN_HEADER:
            raise InputError(f"{name} is truncated; {COMPUTE_AGAIN}")
        kind, num_frames, num_bins = _shape(header, name)
        if min(num_frames, num_bins) < 0 or (num_frames == 0) != (num_bins == 0):
            raise InputError(
                f"{name} is damaged: its header has an impossible shape of {num_frames} frames by "
                f"{num_bins} bins; {COMPUTE_AGAIN}"
            )
        num_bytes = _num_bytes(kind, num_frames, num_bins)
        if num_bytes > num_left:
            raise InputError(f"{name} is truncated; {COMPUTE_AGAIN}")
        return _Place(name, descriptor, offset, num_bytes, kind, num_frames, num_bins)


class _Place(NamedTuple):
    """The position, type and shape of a matrix in an open archive."""

    name: str
    """Name of the matrix in messages."""
    descriptor: int
    offset: int
    num_bytes: int
    """Size of header and values."""
    kind: str
    num_frames: int
    num_bins: int


def _split(entry: str) -> tuple[str, int]:
    archive, colon, offset = entry.rpartition(":")
    is_offset = colon and offset.isascii() and offset.isdigit()
    return (archive, int(offset)) if is_offset else (entry, 0)


def _shape(header: bytes, name: str) -> tuple[str, int, int]:
    """Return the type of a matrix ("FM", "DM", "CM", "CM2", "CM3") and its rows and columns.

    Other records are rejected: an archive may contain a pickle, which executes code when loaded.
    """
    code, space, _ = header[2:].partition(b" ")
    kind = code.decode("ascii", errors="replace")
    if header[:2] == b"\0B" and space:
        if kind in ("FM", "DM") and header[5:6] == header[10:11] == b"\4":
            return kind, *struct.unpack("<xi xi", header[5:_PLAIN_HEADER])
        rows_at = 2 + len(code) + 1 + 8  # after the smallest value and the range
        if kind in ("CM", "CM2", "CM3") and len(header) >= rows_at + 8:
            return kind, *struct.unpack("<ii", header[rows_at : rows_at + 8])
    raise InputError(
        f"{name} contains no binary Kaldi matrix at the offset in feats.scp (has the archive "
        "changed, or is it in text format?)"
    )


def _num_bytes(kind: str, num_frames: int, num_bins: int) -> int:
    """Return the size of a matrix in bytes, including its header."""
    num_values = num_frames * num_bins
    if kind in ("FM", "DM"):
        return _PLAIN_HEADER + num_values * (4 if kind == "FM" else 8)
    if kind == "CM":
        return _COMPRESSED_HEADER + 8 * num_bins + num_values
    return _COMPRESSED_HEADER + 1 + num_values * (2 if kind == "CM2" else 1)
