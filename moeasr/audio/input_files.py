"""The audio files of a command line, which are read even if some of them are unreadable."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from moeasr.audio.audio_blocks import AudioSource, open_blocks
from moeasr.audio.decoded import DecodedAudio, decode_bytes
from moeasr.audio.input_paths import InputPath
from moeasr.audio.probe import overshoot_warning
from moeasr.errors import InputError


class InputFiles:
    """An iterable over audio files, which reports unreadable files on standard error.

    Args:
        paths: The audio files.
        program: Name of the command in messages.
        open_file: Function that opens a file.
    """

    def __init__(
        self,
        paths: Sequence[InputPath],
        program: str,
        open_file: Callable[[str], AbstractContextManager[AudioSource]] = open_blocks,
    ) -> None:
        self._paths = paths
        self._program = program
        self._open_file = open_file
        self._num_overshooting = 0
        self._num_failed = 0

    def __iter__(self) -> Iterator[tuple[InputPath, AudioSource]]:
        """Yield each file that can be opened. It is closed when the next one is requested.

        The caller catches the errors that appear while a file is read, and passes them to `fail`.
        """
        for path in self._paths:
            try:
                with self._open_file(path.path) as blocks:
                    yield path, blocks
                    self._num_overshooting += blocks.header_overshoots
            except InputError as error:
                self.fail(error)

    def fail(self, error: InputError) -> None:
        """Report an error with a file, so that `finish` ends the program with status 1."""
        self._print(str(error))
        self._num_failed += 1

    def finish(self) -> None:
        """Warn about headers with too large a length; exit with status 1 if a file failed."""
        if self._num_overshooting:
            self._print(overshoot_warning(self._num_overshooting, "file"))
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
