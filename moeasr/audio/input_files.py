"""The audio files of a command line, which are read even if some of them are unreadable."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from moeasr.audio.decoded import DecodedAudio, decode_bytes, decode_file
from moeasr.audio.probe import overshoot_warning
from moeasr.errors import InputError

WaveformT = TypeVar("WaveformT")
STANDARD_INPUT = "-"
"""File name that represents standard input."""


class InputFiles(Generic[WaveformT]):
    """An iterable over audio files, which reports unreadable files on standard error.

    Args:
        paths: Audio files; `-` is standard input.
        resample: Function that returns (S,) samples of the given rate at the rate of the model.
        program: Name of the command in messages.
    """

    def __init__(
        self,
        paths: Sequence[str],
        resample: Callable[[np.ndarray, int], WaveformT],
        program: str,
    ) -> None:
        self._paths = paths
        self._resample = resample
        self._program = program
        self._num_overshooting = 0
        self._num_failed = 0

    def __iter__(self) -> Iterator[tuple[str, WaveformT]]:
        """Yield the path and (S,) samples of each file that can be read."""
        for path in self._paths:
            try:
                is_stream = path == STANDARD_INPUT
                audio = decode_standard_input() if is_stream else decode_file(path)
                waveform = self._resample(audio.samples, audio.rate_hz)
            except InputError as error:
                self.fail(error)
                continue
            self._num_overshooting += audio.header_overshoots
            yield path, waveform

    def fail(self, error: InputError) -> None:
        """Report an error with a file, so that `finish` ends the program with status 1."""
        self._print(str(error))
        self._num_failed += 1

    def finish(self) -> None:
        """Warn about headers with too large a length; exit with status 1 if a file failed."""
        if self._num_overshooting:
            self._print(overshoot_warning(self._num_overshooting, "files"))
        if self._num_failed:
            sys.exit(1)

    def _print(self, sentence: str) -> None:
        print(f"{self._program}: {sentence}", file=sys.stderr)


def decode_standard_input() -> DecodedAudio:
    """Decode the audio file on standard input.

    Raises:
        InputError: The file is empty, damaged, or not audio.
    """
    return decode_bytes(sys.stdin.buffer.read(), "standard input")
