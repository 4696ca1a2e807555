"""The audio files of a command line, which are read even if some of them are unreadable."""

import sys
from collections.abc import Iterator, Sequence

from torch import Tensor

from moeasr.audio.probe import overshoot_warning
from moeasr.audio.recording import resample
from moeasr.audio.standard_streams import read_file
from moeasr.errors import InputError


class InputFiles:
    """An iterable over audio files, which reports unreadable files on standard error.

    Args:
        paths: Audio files; `-` is standard input.
        sample_rate_hz: Sample rate to which the audio is resampled.
        program: Name of the command in messages.
    """

    def __init__(self, paths: Sequence[str], sample_rate_hz: int, program: str) -> None:
        self._paths = paths
        self._rate_hz = sample_rate_hz
        self._program = program
        self._num_overshooting = 0
        self._num_failed = 0

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the path and (S,) samples of each file that can be read."""
        for path in self._paths:
            try:
                audio = read_file(path)
                waveform, _ = resample(audio.samples, audio.rate_hz, self._rate_hz)
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
