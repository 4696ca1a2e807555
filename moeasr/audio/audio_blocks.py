"""Audio files that are read block by block, so that memory does not grow with their length."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from moeasr.audio.decoded import mix_down
from moeasr.audio.header import HEAD_BYTES, decoding, header_overshoots, open_audio
from moeasr.audio.samples import read_blocks
from moeasr.errors import InputError

STANDARD_INPUT = "-"
"""File name that represents standard input."""
BLOCK_SAMPLES = 1 << 18
"""Number of samples per channel and block, 16 s at 16 kHz."""


class AudioSource(Protocol):
    """A recording whose samples are read in blocks, once."""

    @property
    def rate_hz(self) -> int:
        """The sample rate, Hz."""
        ...

    @property
    def header_overshoots(self) -> bool:
        """True if the header announces slightly too many samples, because of a writer bug."""
        ...

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield (S,) float32 mono samples."""
        ...


class AudioBlocks:
    """An open audio file, whose mono samples are read block by block, once.

    Args:
        audio: The file.
        head: Its first `HEAD_BYTES`.
        name: Its name in messages.

    Raises:
        InputError: The file has no samples, or its header shows that it is truncated.
    """

    def __init__(self, audio: soundfile.SoundFile, head: bytes, name: str) -> None:
        self.header_overshoots = header_overshoots(audio, head, name)
        """True if the header announces slightly too many samples, because of a writer bug."""
        self.rate_hz: int = audio.samplerate
        """The sample rate, Hz."""
        self._audio = audio
        self._name = name
        if audio.frames == 0:
            raise InputError(f"{name} contains no samples")

    @property
    def duration_sec(self) -> float:
        """Duration of the recording, seconds."""
        return self._audio.frames / self.rate_hz

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield (S,) float32 samples, the mean of all channels.

        Raises:
            InputError: The file is damaged or truncated, or contains NaN or infinity.
        """
        num_samples, num_read = self._audio.frames, 0
        with decoding(self._name):
            for block in read_blocks(self._audio, 0, num_samples, self._name, BLOCK_SAMPLES):
                num_read += len(block)
                yield mix_down(block, self._name, channel=None)
        if num_read < num_samples:
            raise InputError(
                f"{self._name} is truncated: it ends after {num_read} of {num_samples} samples"
            )


@contextmanager
def open_blocks(path: str) -> Iterator[AudioBlocks]:
    """Open an audio file for reading in blocks.

    Standard input and other pipes are first copied to a temporary file, which has no name.

    Args:
        path: The file; `-` is standard input. It is never taken for a command.

    Raises:
        InputError: The file is missing, empty, or not audio; in the `with` block, it is damaged.
    """
    if path == STANDARD_INPUT:
        with open_copy(sys.stdin.buffer, "standard input") as blocks:
            yield blocks
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(open(path, "rb"))
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"audio file {path}: {reason}") from None
        opened = _opened(stream, path) if os.path.isfile(path) else open_copy(stream, path)
        yield stack.enter_context(opened)


@contextmanager
def open_copy(stream: BinaryIO, name: str, head: bytes = b"") -> Iterator[AudioBlocks]:
    """Open an audio file that arrives through a pipe, after copying it to a temporary file.

    Args:
        stream: The pipe.
        name: Its name in messages.
        head: First bytes of the file, which were read from the pipe already.

    Raises:
        InputError: The file cannot be read, is empty or not audio; in the `with` block, it is
            damaged.
    """
    with tempfile.TemporaryFile() as file:
        file.write(head)
        try:
            shutil.copyfileobj(stream, file)
        except OSError as error:
            raise InputError(f"{name} cannot be read to its end: {error}") from None
        file.seek(0)
        with _opened(file, name) as blocks:
            yield blocks


@contextmanager
def _opened(stream: BinaryIO, name: str) -> Iterator[AudioBlocks]:
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    with open_audio(stream, head, name) as audio:
        yield AudioBlocks(audio, head, name)
