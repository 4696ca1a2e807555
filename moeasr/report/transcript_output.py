"""The place where transcripts are written: standard output, a file, or a directory."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from moeasr.atomic import atomic_path
from moeasr.audio.input_paths import InputPath
from moeasr.errors import InputError
from moeasr.report.transcript_forms import FORMS


class TranscriptOutput:
    """The output of a command that transcribes recordings.

    Args:
        form: One of `FORMS`.
        out: A file, or a directory with one file per recording; None for standard output. It is a
            directory if it is an existing one, ends with a slash, or if there are several
            recordings in a form of which a file contains only one.
        recordings: All recordings.

    Raises:
        InputError: The form needs a directory for several recordings, or the files of two
            recordings would have the same name.
    """

    def __init__(self, form: str, out: str | None, recordings: Sequence[InputPath]) -> None:
        self._suffix = FORMS[form].suffix
        self._out = out
        needs_directory = len(recordings) > 1 and not FORMS[form].can_join
        if needs_directory and (out is None or (Path(out).suffix and not os.path.isdir(out))):
            raise InputError(
                f"a file of the form {form} contains one recording, but there are "
                f"{len(recordings)}; give a directory for their files with `-o DIR`"
            )
        self._is_directory = out is not None and (
            needs_directory or os.path.isdir(out) or out.endswith("/")
        )
        if self._is_directory:
            _check_names(recordings, self._suffix)

    @contextmanager
    def opened(self) -> Iterator["TranscriptOutput"]:
        """Open the output; a file appears when the block ends without an exception."""
        self._stream: TextIO = sys.stdout
        if self._out is None or self._is_directory:
            yield self
            return
        with atomic_path(self._out) as temporary, _open(temporary) as self._stream:
            yield self

    def write(self, recording: InputPath, content: str) -> None:
        """Write the transcript of a recording."""
        if self._is_directory:
            path = Path(self._out or "", recording.stem + self._suffix)
            with atomic_path(path) as temporary, _open(temporary) as handle:
                handle.write(content)
        else:
            self._stream.write(content)
            self._stream.flush()


def _open(path: Path) -> TextIO:
    return open(path, "w", encoding="utf-8", errors="surrogateescape")


def _check_names(recordings: Sequence[InputPath], suffix: str) -> None:
    """Raise `InputError` if the files of two recordings would have the same name."""
    names: dict[str, str] = {}
    for recording in recordings:
        other = names.setdefault(recording.stem, recording.name)
        if other != recording.name:
            raise InputError(
                f"the transcripts of {other} and {recording.name} would both be written to "
                f"{recording.stem}{suffix}; transcribe them into different directories"
            )
