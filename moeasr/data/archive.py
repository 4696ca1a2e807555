"""Feature archives in Kaldi's ark/scp form: written whole, read by offset."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import kaldiio
import numpy as np
import torch

from moeasr.atomic import atomic_path
from moeasr.data.open_files import OpenFiles
from moeasr.errors import InputError

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
            InputError: Naming utterance and archive, if it is missing, cut short, or no matrix.
        """
        archive, offset = _split(entry)
        descriptor = self._open(archive, utt_id)
        header = self._header(descriptor, archive, offset, utt_id)
        kind, num_frames, num_bins = _shape(header, archive, utt_id)
        if kind in ("FM", "DM"):
            dtype = np.dtype("<f4" if kind == "FM" else "<f8")
            size = num_frames * num_bins * dtype.itemsize
            content = os.pread(descriptor, size, offset + _PLAIN_HEADER)
            _check_size(content, size, archive, utt_id)
            # a copy, in any case: torch may not share memory that Python calls constant
            matrix = np.frombuffer(content, dtype).astype(np.float32)
            return torch.from_numpy(matrix.reshape(num_frames, num_bins))
        size = _compressed_size(kind, num_frames, num_bins)
        content = os.pread(descriptor, size, offset)
        _check_size(content, size, archive, utt_id)
        matrix = kaldiio.matio.read_kaldi(io.BytesIO(content))
        return torch.from_numpy(np.array(matrix, dtype=np.float32, order="C"))

    def num_frames(self, entry: str, utt_id: str) -> int:
        """How many frames (T) the features at `entry` have, from their header alone.

        Raises:
            InputError: As `read`.
        """
        archive, offset = _split(entry)
        descriptor = self._open(archive, utt_id)
        return _shape(self._header(descriptor, archive, offset, utt_id), archive, utt_id)[1]

    def close(self) -> None:
        """Close all archives."""
        self._files.close()

    def _open(self, archive: str, utt_id: str) -> int:
        try:
            return self._files.descriptor(archive)
        except OSError as error:
            raise InputError(
                f"features of utterance {utt_id}: archive {archive} cannot be opened: "
                f"{error.strerror}"
            ) from None

    @staticmethod
    def _header(descriptor: int, archive: str, offset: int, utt_id: str) -> bytes:
        try:
            header = os.pread(descriptor, _COMPRESSED_HEADER + 1, offset)
        except OSError as error:
            raise InputError(
                f"features of utterance {utt_id}: archive {archive} cannot be read: "
                f"{error.strerror}"
            ) from None
        _check_size(header, _PLAIN_HEADER, archive, utt_id, at_least=True)
        return header


def _split(entry: str) -> tuple[str, int]:
    archive, colon, offset = entry.rpartition(":")
    return (archive, int(offset)) if colon and offset.isdigit() else (entry, 0)


def _shape(header: bytes, archive: str, utt_id: str) -> tuple[str, int, int]:
    """Kind of matrix ("FM", "DM", "CM", "CM2", "CM3"), rows and columns."""
    kind, space, _ = header[2:].partition(b" ")
    name = kind.decode("ascii", errors="replace")
    if header[:2] == b"\0B" and space:
        if name in ("FM", "DM") and header[5:6] == header[10:11] == b"\4":
            return name, *struct.unpack("<xi xi", header[5:_PLAIN_HEADER])
        rows_at = 2 + len(kind) + 1 + 8  # after the smallest value and the range
        if name in ("CM", "CM2", "CM3") and len(header) >= rows_at + 8:
            return name, *struct.unpack("<ii", header[rows_at : rows_at + 8])
    raise InputError(
        f"features of utterance {utt_id}: archive {archive} holds no Kaldi matrix at the place "
        "that feats.scp names (changed since, or not binary)"
    )


def _compressed_size(kind: str, num_frames: int, num_bins: int) -> int:
    """Bytes of a compressed matrix, header and all."""
    if kind == "CM":
        return _COMPRESSED_HEADER + 8 * num_bins + num_frames * num_bins
    return _COMPRESSED_HEADER + 1 + num_frames * num_bins * (2 if kind == "CM2" else 1)


def _check_size(
    content: bytes, size: int, archive: str, utt_id: str, at_least: bool = False
) -> None:
    if len(content) < size if at_least else len(content) != size:
        raise InputError(f"features of utterance {utt_id}: archive {archive} is cut short")
