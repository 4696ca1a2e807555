"""The audio files of a command line: one that cannot be read does not hide the others."""

import sys
from collections.abc import Iterator, Sequence

from torch import Tensor

from moeasr.audio.probe import overshoot_warning
from moeasr.audio.recording import resample
from moeasr.audio.standard_streams import read_file
from moeasr.errors import InputError


class InputFiles:
    """Reads files one after the other, and names those with faults on standard error.

    Args:
        paths: Audio files; `-` is standard input.
        sample_rate_hz: Rate to which they are resampled.
        program: Name of the command in messages.
    """

    def __init__(self, paths: Sequence[str], sample_rate_hz: int, program: str) -> None:
        self._paths = paths
        self._rate_hz = sample_rate_hz
        self._program = program
        self._num_overshooting = 0
        self._num_failed = 0

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Read each file that can be read: its path and (S,) samples."""
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
        """Say what is wrong with a file."""
        self._print(str(error))
        self._num_failed += 1

    def finish(self) -> None:
        """Warn of headers that promise too much; exit with status 1 if a file had a fault."""
        if self._num_overshooting:
            self._print(overshoot_warning(self._num_overshooting, "files"))
        if self._num_failed:
            sys.exit(1)

    def _print(self, sentence: str) -> None:
        print(f"{self._program}: {sentence}", file=sys.stderr)
