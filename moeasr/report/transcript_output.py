"""The place where transcripts are written: standard output, a file, or a directory."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from moeasr.atomic import atomic_path
from moeasr.audio.decoded import READ_HERE
from moeasr.audio.input_paths import LIST_SUFFIX, TABLE_SUFFIX, InputPath
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
        lists: The arguments that name them, some of which may be lists.

    Raises:
        InputError: The form needs a directory for several recordings, the files of two recordings
            would have the same name, or a file would replace audio, a list of it, or what may be
            the transcript of a recording.

    Attributes:
        num_written: Number of recordings whose transcript was written.
    """

    def __init__(
        self,
        form: str,
        out: str | None,
        recordings: Sequence[InputPath],
        lists: Sequence[str] = (),
    ) -> None:
        self.num_written = 0
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
        if out is not None:
            self._check_replaced(out, recordings, lists)

    @contextmanager
    def opened(self) -> Iterator["TranscriptOutput"]:
        """Open the output; a file appears when the block ends without an exception."""
        self._stream: TextIO = sys.stdout
        if self._out is None or self._is_directory:
            yield self
            return
        with atomic_path(self._out) as temporary, _open(temporary) as self._stream:
            yield self

    def _path_of(self, recording: InputPath) -> Path:
        return Path(self._out or "", recording.stem + self._suffix)

    def _check_replaced(
        self, out: str, recordings: Sequence[InputPath], lists: Sequence[str]
    ) -> None:
        """Raise `InputError` if a file would be replaced that an earlier run has not written."""
        targets = [self._path_of(one) for one in recordings] if self._is_directory else [Path(out)]
        inputs = {os.path.realpath(name) for name in (*lists, *(one.path for one in recordings))}
        folders = {os.path.dirname(os.path.realpath(one.path)) for one in recordings}
        for target in targets:
            place = os.path.realpath(target)
            if place in inputs:
                raise InputError(f"{target} is an input; give another output with `-o`")
            if target.suffix.lower() in (*READ_HERE, TABLE_SUFFIX):
                raise InputError(
                    f"{target} has the name of an audio file or a table; `-o` takes the output"
                )
            is_beside = os.path.dirname(place) in folders and self._suffix == LIST_SUFFIX
            if is_beside and self._is_directory and os.path.exists(place):
                raise InputError(
                    f"{target} lies beside its recording and may be its transcript; write to "
                    "another directory with `-o`"
                )

    def write(self, recording: InputPath, content: str) -> None:
        """Write the transcript of a recording."""
        self.num_written += 1
        if self._is_directory:
            path = self._path_of(recording)
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
