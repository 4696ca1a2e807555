"""The corpus form `csv`: tables with a header, as spreadsheets and pandas write them."""

from collections.abc import Iterator
from pathlib import Path

from moeasr.corpus.forms.csv_rows import csv_header, csv_rows
from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.metadata_rows import read_metadata
from moeasr.corpus.forms.source_files import (
    TEXT_KEYS,
    locate,
    set_directories,
    string,
    visible,
)
from moeasr.errors import InputError

AUDIO_KEYS = (
    *("file_name", "file", "filename", "path", "audio", "wav"),
    *("audio_path", "wav_path", "audio_file", "audio_filepath", "file_path"),
    "wav_filename",  # DeepSpeech
)
"""Columns that name the audio file. The first one that is present is read."""
TIME_KEYS = ("start", "end", "offset", "begin", "start_time", "end_time")
"""Columns of parts of recordings."""


class CsvForm(Form):
    """Files `*.csv` whose header names a column of `AUDIO_KEYS` and one of `TEXT_KEYS`.

    A table whose first row names no file there is, such as one of scores, is left alone.

    Columns of speakers and languages are optional. Capitals in the header do not matter. The files
    are in the folder, in the directories of its sets, or in those below `data`, and paths of audio
    start from there. The names of the files or of directories tell the sets apart.
    """

    needs = f"*.csv with a column {'/'.join(AUDIO_KEYS[:6])} and a column {'/'.join(TEXT_KEYS)}"

    def find(self, root: Path) -> str | None:
        """Return the first table."""
        found = next(filter(_has_audio, _tables(root)), None)
        return found and f"{found.relative_to(root)} with columns of audio files and texts"

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all tables, by name of the set."""
        paths = _tables(root)
        if not paths:
            raise InputError(f"{root} contains no {self.needs}")
        paths = list(filter(_has_audio, paths)) or paths  # of none, the missing file is named
        return read_metadata(root, paths, _rows, AUDIO_KEYS)


def _tables(root: Path) -> list[Path]:
    paths = [
        path for place in set_directories(root) for path in visible(place.glob("*.[cC][sS][vV]"))
    ]
    return [path for path in paths if _is_table({_key(name) for name in csv_header(path)})]


def _is_table(columns: set[str]) -> bool:
    return not columns.isdisjoint(AUDIO_KEYS) and not columns.isdisjoint(TEXT_KEYS)


def _has_audio(path: Path) -> bool:
    """Return whether the first row of a table names an audio file."""
    try:
        _, columns = next(_rows(path), ("", {}))
        name = string(columns, AUDIO_KEYS)
    except InputError:  # of this row; reading will report it
        return True
    return name is not None and locate(name, path.parent).is_file()


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for where, columns in csv_rows(path):
        row = {_key(name): value.strip() for name, value in columns.items()}
        times = [name for name in TIME_KEYS if row.get(name)]
        if times:
            raise InputError(
                f"{where}: `{times[0]}` is not read, because a row of a table is a whole audio "
                "file; write JSON lines with `offset` and `duration` instead (--form json)"
            )
        yield where, row


def _key(column: str) -> str:
    return column.strip().lower()
