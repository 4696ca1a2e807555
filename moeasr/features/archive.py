"""Feature archives in Kaldi's ark/scp form: written whole, read by offset."""

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
"""Kaldi's kSpeechFeature: one byte per value, about a quarter of the size, errors below 0.1."""

_PLAIN_HEADER = 15  # "\0B" "FM " "\4" rows "\4" cols
_COMPRESSED_HEADER = 21  # "\0B" "CM " min range rows cols; CM2 and CM3 are a byte longer


class ArchiveWriter:
    """Writes matrices into an archive and notes where each begins. Made by `open_archive`."""

    def __init__(self, ark: BinaryIO, scp: BinaryIO, ark_name: str, compress: bool) -> None:
        self._ark = ark
        self._scp = scp
        self._ark_name = ark_name
        self._compression_method = COMPRESSION_METHOD if compress else None

    def write(self, utt_id: str, feats: torch.Tensor) -> None:
        """Append `feats` (T, F) as float32 under `utt_id`."""
        offset = self._ark.tell() + len(utt_id.encode()) + 1
        matrix = {utt_id: feats.to(torch.float32).numpy()}
        kaldiio.save_ark(self._ark, matrix, compression_method=self._compression_method)
        self._scp.write(f"{utt_id} {self._ark_name}:{offset}\n".encode())


@contextmanager
def open_archive(
    ark: str | Path, scp: str | Path, compress: bool = False
) -> Iterator[ArchiveWriter]:
    """Open `ark` and `scp` for writing; both appear only if the block succeeds.

    Args:
        ark: The archive. Its name stands in `scp` as it is given here.
        scp: The index, one `utterance ark:offset` per line.
        compress: Kaldi's compression method 2 instead of float32.

    Raises:
        InputError: The disk is full, or the directory cannot be written.
    """
    try:
        with ExitStack() as stack:
            # left in reverse: the archive is renamed before the index that points into it
            scp_path = stack.enter_context(atomic_path(scp))
            ark_path = stack.enter_context(atomic_path(ark))
            scp_file = stack.enter_context(open(scp_path, "wb"))
            ark_file = stack.enter_context(open(ark_path, "wb"))
            yield ArchiveWriter(ark_file, scp_file, str(ark), compress)
    except OSError as error:  # a full disk gives no file name of its own
        raise InputError(f"cannot write archive {ark}: {error.strerror or error}") from error


class FeatureReader:
    """Reads matrices by their `archive:offset`, keeping archives open."""

    def __init__(self) -> None:
        self._files = OpenFiles()

    def read(self, entry: str, utt_id: str) -> torch.Tensor:
        """The features at `entry`.

        Args:
            entry: `archive:offset`, or the name of a file that holds one matrix.
            utt_id: Whose they are, for messages.

        Returns:
            (T, F) float32.

        Raises:
            InputError: It is missing, damaged, no matrix, or holds values that are not finite;
                names utterance and archive.
        """
        place = self._find(entry, utt_id)
        content = os.pread(place.descriptor, place.num_bytes, place.offset)
        if len(content) != place.num_bytes:
            raise InputError(f"{place.name} is cut short")
        if place.kind in ("FM", "DM"):
            dtype = np.dtype("<f4" if place.kind == "FM" else "<f8")
            # a copy, in any case: torch may not share memory that Python calls constant
            matrix = np.frombuffer(content, dtype, offset=_PLAIN_HEADER).astype(np.float32)
            feats = torch.from_numpy(matrix.reshape(place.num_frames, place.num_bins))
        else:
            matrix = kaldiio.matio.read_matrix_or_vector(io.BytesIO(content))
            feats = torch.from_numpy(np.array(matrix, dtype=np.float32, order="C"))
        if not bool(torch.isfinite(feats).all()):
            raise InputError(f"features of utterance {utt_id} ({entry}) are not finite")
        return feats

    def shape(self, entry: str, utt_id: str) -> tuple[int, int]:
        """Return how many frames and bins (T, F) the features at `entry` have, by their header.

        Raises:
            InputError: As `read`, but for values that are not finite.
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
            raise InputError(f"{name} is cut short")
        kind, num_frames, num_bins = _shape(header, name)
        if min(num_frames, num_bins) < 0 or (num_frames == 0) != (num_bins == 0):
            raise InputError(
                f"{name} is damaged: a matrix of {num_frames} frames by {num_bins} bins cannot be"
            )
        num_bytes = _num_bytes(kind, num_frames, num_bins)
        if num_bytes > num_left:
            raise InputError(f"{name} is cut short")
        return _Place(name, descriptor, offset, num_bytes, kind, num_frames, num_bins)


class _Place(NamedTuple):
    """A matrix in an archive that is open."""

    name: str
    """Its name in messages."""
    descriptor: int
    offset: int
    num_bytes: int
    """Header and values."""
    kind: str
    num_frames: int
    num_bins: int


def _split(entry: str) -> tuple[str, int]:
    archive, colon, offset = entry.rpartition(":")
    is_offset = colon and offset.isascii() and offset.isdigit()
    return (archive, int(offset)) if is_offset else (entry, 0)


def _shape(header: bytes, name: str) -> tuple[str, int, int]:
    """Return kind of matrix ("FM", "DM", "CM", "CM2", "CM3"), rows and columns.

    Nothing else is read: an archive may hold what runs code when it is read, such as a pickle.
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
        f"{name} holds no Kaldi matrix at the place that feats.scp names (changed since, or not "
        "binary)"
    )


def _num_bytes(kind: str, num_frames: int, num_bins: int) -> int:
    """Return the bytes of a matrix, its header included."""
    num_values = num_frames * num_bins
    if kind in ("FM", "DM"):
        return _PLAIN_HEADER + num_values * (4 if kind == "FM" else 8)
    if kind == "CM":
        return _COMPRESSED_HEADER + 8 * num_bins + num_values
    return _COMPRESSED_HEADER + 1 + num_values * (2 if kind == "CM2" else 1)
