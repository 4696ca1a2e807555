"""The audio files that the arguments of a command line stand for: files, directories and lists."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from moeasr.audio.ark import archive_place
from moeasr.audio.audio_blocks import STANDARD_INPUT
from moeasr.audio.decoded import READ_HERE
from moeasr.datadir.table import Table
from moeasr.errors import InputError

TABLE_SUFFIX, LIST_SUFFIX = ".scp", ".txt"


class InputPath(NamedTuple):
    """An audio file to recognise."""

    name: str
    """The name to print: the path, or the id in a wav.scp."""
    path: str
    """The path of the file; `-` is standard input."""
    stem: str
    """Path of its output file, relative and without suffix."""


def find_input_paths(arguments: Sequence[str]) -> list[InputPath]:
    """Return the audio files that arguments stand for.

    Args:
        arguments: Each is an audio file, `-` for standard input, a directory, whose audio files are
            found at any depth and sorted, a table `*.scp` in the form of Kaldi's wav.scp, or a list
            `*.txt` with a path per line.

    Raises:
        InputError: A directory contains no audio, or a list is empty or invalid.
    """
    found = []
    for argument in arguments:
        if os.path.isdir(argument):
            found += _in_directory(argument)
        elif argument.endswith(TABLE_SUFFIX):
            found += _in_table(argument)
        elif argument.endswith(LIST_SUFFIX):
            found += _in_list(argument)
        else:
            found.append(_file(argument))
    return found


def _file(path: str) -> InputPath:
    stem = "standard_input" if path == STANDARD_INPUT else Path(path).stem
    return InputPath(path, path, stem)


def audio_files_below(root: Path) -> list[Path]:
    """Return the audio files in a directory, at any depth and sorted.

    Hidden files, files in hidden directories, and directories that are links are left out.
    """
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in READ_HERE
        and not any(part[0] == "." for part in path.relative_to(root).parts)
        and path.is_file()
    )


def _in_directory(directory: str) -> list[InputPath]:
    root = Path(directory)
    paths = audio_files_below(root)
    if not paths:
        raise InputError(f"{directory} contains no audio ({' '.join(READ_HERE)})")
    return [
        InputPath(str(path), str(path), str(path.relative_to(root).with_suffix("")))
        for path in paths
    ]


def _in_table(table: str) -> Iterator[InputPath]:
    """Yield the entries of a wav.scp, which must be files: commands are never run."""
    if not os.path.isfile(table):
        raise InputError(f"list {table} does not exist")
    entries = list(Table(table).items())
    if not entries:
        raise InputError(f"list {table} contains no audio files")
    for recording, entry in entries:
        if entry.endswith("|") or archive_place(entry):
            kind = "a command" if entry.endswith("|") else "a place in an archive"
            raise InputError(
                f"{table}: the entry of `{recording}` is {kind}, but must be an audio file here; "
                "`moeasr decode --data-type raw` reads all entries of a data directory"
            )
        yield InputPath(recording, entry, recording.replace("/", "_"))


def _in_list(path: str) -> list[InputPath]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()  # perhaps from Windows
    except OSError as error:
        raise InputError(f"list {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"list {path} is not UTF-8") from None
    found = [_file(line.strip()) for line in lines if line.strip()]
    if not found:
        raise InputError(f"list {path} contains no paths of audio files")
    return found
