"""Audio that arrives through a pipe and is passed on while the pipe is still open."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile

from moeasr.audio.audio_blocks import STANDARD_INPUT, AudioSource, open_blocks, open_copy
from moeasr.audio.bounds import check_rate
from moeasr.audio.decoded import mix_down
from moeasr.audio.header import HEADER_BYTES, PLACEHOLDER_BYTES
from moeasr.audio.pipes import UndecodableError
from moeasr.audio.samples import check_amplitudes
from moeasr.audio.wav_repair import is_wav
from moeasr.errors import InputError

SUBTYPES = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
    (6, 8): "ALAW",
    (7, 8): "ULAW",
}
"""Names in libsndfile of the codings of WAV whose samples can be decoded one by one."""
EXTENSIBLE = 0xFFFE
"""Coding of a WAV header that states the true coding further behind."""
MAX_CHUNK_BYTES = 1 << 20
"""Largest chunk before the samples, such as a title."""


class Layout(NamedTuple):
    """The layout of samples in a pipe."""

    rate_hz: int
    num_channels: int
    subtype: str
    """Name of the coding in libsndfile."""
    sample_bytes: int
    num_bytes: int | None
    """Length of all samples; None if only the end of the pipe ends them."""


class LiveInput:
    """The samples that arrive through a pipe, which is read once.

    Args:
        pipe: The pipe, at its first sample.
        layout: The layout of the samples.
        name: The name of the pipe in messages.
        packet_sec: Duration of the packets in which audio is read.
        head: First bytes of the samples, which were read from the pipe already.
    """

    header_overshoots = False

    def __init__(
        self, pipe: BinaryIO, layout: Layout, name: str, packet_sec: float, head: bytes = b""
    ) -> None:
        self.rate_hz = layout.rate_hz
        """The sample rate, Hz."""
        self._pipe = pipe
        self._layout = layout
        self._name = name
        self._packet_sec = packet_sec
        self._head = head

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield (S,) float32 samples, the mean of all channels, as soon as they arrive.

        Raises:
            InputError: There are no samples, fewer than the header announces, or samples that are
                NaN or infinite.
        """
        width = self._layout.num_channels * self._layout.sample_bytes
        announced, pending, first = self._layout.num_bytes, self._head, 0
        packet_bytes = max(1, round(self._packet_sec * self.rate_hz)) * width
        num_read, is_over = len(pending), False
        while not is_over:
            wanted = max(packet_bytes - len(pending), 0)
            if announced is not None:
                wanted = min(wanted, announced - num_read)
            arrived = self._pipe.read(wanted)
            num_read += len(arrived)
            is_over = len(arrived) < wanted or num_read == announced
            pending += arrived
            whole = len(pending) // width * width
            if whole:
                yield self._decoded(pending[:whole], first)
                first += whole // width
                pending = pending[whole:]
        if first == 0:
            raise InputError(f"{self._name} contains no samples")
        if announced is not None and announced - num_read > HEADER_BYTES:
            raise InputError(
                f"{self._name} is truncated: its header announces {announced} bytes, but only "
                f"{num_read} are present"
            )

    def _decoded(self, content: bytes, first: int) -> np.ndarray:
        """Decode whole samples, of which the first has this position."""
        samples, _ = soundfile.read(
            io.BytesIO(content),
            dtype="float32",
            always_2d=True,
            samplerate=self.rate_hz,
            channels=self._layout.num_channels,
            format="RAW",
            subtype=self._layout.subtype,
            endian="LITTLE",
        )
        check_amplitudes(samples, self._name, first)
        return mix_down(samples, self._name, channel=None)


@contextmanager
def open_live(path: str, raw_rate_hz: int | None, packet_sec: float) -> Iterator[AudioSource]:
    """Open an audio file, or a pipe whose samples are passed on as they arrive.

    Pipes may contain WAV, whose header need not know the length, or raw samples. A pipe with any
    other format is read to its end before its first sample is passed on.

    Args:
        path: The file or named pipe; `-` is standard input.
        raw_rate_hz: Sample rate of the raw 16-bit little-endian mono samples on standard input;
            None if it contains an audio file.
        packet_sec: Duration of the packets in which a pipe is read.

    Raises:
        InputError: The file is missing, empty, or not audio; in the `with` block, it is damaged.
    """
    if path == STANDARD_INPUT:
        yield from _open_pipe(sys.stdin.buffer, "standard input", raw_rate_hz, packet_sec)
    elif os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        with open(path, "rb") as pipe:
            yield from _open_pipe(pipe, path, None, packet_sec)
    else:
        with open_blocks(path) as blocks:
            yield blocks


def _open_pipe(
    pipe: BinaryIO, name: str, raw_rate_hz: int | None, packet_sec: float
) -> Iterator[AudioSource]:
    head = pipe.read(12)
    if not head:
        raise InputError(f"{name} is empty (0 bytes)")
    if raw_rate_hz is not None:
        if is_wav(head):
            raise InputError(
                f"{name} is a WAV file, which has a sample rate of its own; omit --sample-rate"
            )
        yield LiveInput(pipe, Layout(raw_rate_hz, 1, "PCM_16", 2, None), name, packet_sec, head)
        return
    layout = None
    if is_wav(head):
        layout, header = _read_wav_header(pipe, name)
        head += header
    if layout is not None:
        yield LiveInput(pipe, layout, name, packet_sec)
        return
    with ExitStack() as stack:
        try:
            blocks = stack.enter_context(open_copy(pipe, name, head))
        except UndecodableError as error:
            raise UndecodableError(f"{error}; raw 16-bit samples need --sample-rate") from None
        yield blocks


def _read_wav_header(pipe: BinaryIO, name: str) -> tuple[Layout | None, bytes]:
    """Read a WAV header up to the first sample, from its first chunk on.

    Returns:
        The layout of the samples, and the bytes that were read. The layout is None if only
        libsndfile may understand the file.
    """
    read, coding = b"", None
    while len(chunk := pipe.read(8)) == 8:
        read += chunk
        size = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"data":
            if coding is None:
                return None, read
            is_known = 0 < size < PLACEHOLDER_BYTES
            layout = Layout(*coding, size if is_known else None)
            check_rate(layout.rate_hz, name)
            return layout, read
        if size > MAX_CHUNK_BYTES:
            return None, read
        content = pipe.read(size + size % 2)
        read += content
        if chunk[:4] == b"fmt ":
            coding = _coding(content)
    return None, read + chunk


def _coding(content: bytes) -> tuple[int, int, str, int] | None:
    """Return rate, channels, subtype and bytes per sample of the chunk `fmt `; None if unknown."""
    number, num_channels = (int.from_bytes(content[at : at + 2], "little") for at in (0, 2))
    rate_hz, bits = (int.from_bytes(content[at : at + n], "little") for at, n in ((4, 4), (14, 2)))
    if number == EXTENSIBLE:
        number = int.from_bytes(content[24:26], "little")
    subtype = SUBTYPES.get((number, bits))
    return (rate_hz, num_channels, subtype, bits // 8) if subtype and num_channels else None
