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
    set_of,
    string,
    visible,
)
from moeasr.errors import InputError
from moeasr.logs import get_logger

AUDIO_KEYS = (
    *("file_name", "file", "filename", "path", "audio", "wav"),
    *("audio_path", "wav_path", "audio_file", "audio_filepath", "file_path"),
    "wav_filename",  # DeepSpeech
)
"""Columns that name the audio file. The first one that is present is read."""
TABLE_SUFFIXES = (".csv", ".tsv")
"""Endings of the names of tables."""
TIME_KEYS = ("start", "end", "offset", "begin", "start_time", "end_time")
"""Columns of parts of recordings."""

logger = get_logger(__name__)


class CsvForm(Form):
    """Files `*.csv` or `*.tsv` whose header names a column of `AUDIO_KEYS` and one of `TEXT_KEYS`.

    A table that names no file there is, such as one of scores, is left out with a warning, unless
    it and a table of other audio are those of sets.

    Columns of speakers and languages are optional. Capitals in the header do not matter. The files
    are in the folder, in the directories of its sets, or in those below `data`, and paths of audio
    start from there. The names of the files or of directories tell the sets apart.
    """

    needs = (
        f"*.csv or *.tsv with a column {'/'.join(AUDIO_KEYS[:6])} and a column "
        f"{'/'.join(TEXT_KEYS)}"
    )

    def find(self, root: Path) -> str | None:
        """Return the first table."""
        found = next(filter(_has_audio, _tables(root)), None)
        return found and f"{found.relative_to(root)} with columns of audio files and texts"

    def fault(self, root: Path) -> str | None:
        """Return where a table names its first audio file; all its audio files are missing."""
        for path in _tables(root):
            for where, columns in _rows(path):
                name = string(columns, AUDIO_KEYS)
                if name:
                    missing = f"{where}, names {locate(name, path.parent)}, which does not exist"
                    return f"{missing}, and neither does any other file of this table"
        return None

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all tables, by name of the set."""
        paths = _tables(root)
        if not paths:
            raise InputError(f"{root} contains no {self.needs}")
        with_audio = {path for path in paths if _has_audio(path)}
        is_split = any(_names_set(path, root) for path in with_audio)
        kept = [path for path in paths if path in with_audio or is_split and _names_set(path, root)]
        for path in paths if kept else ():
            if path not in kept:
                logger.warning("%s is left out, because no audio file exists that it names", path)
        return read_metadata(root, kept or paths, _rows, AUDIO_KEYS)


def _tables(root: Path) -> list[Path]:
    paths = [
        path
        for place in set_directories(root)
        for path in visible(place.glob("*"))  # leaves out a directory that cannot be read
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file()
    ]
    return [path for path in paths if _is_table({_key(name) for name in csv_header(path)})]


def _names_set(path: Path, root: Path) -> bool:
    return any(map(set_of, path.relative_to(root).parts))


def _is_table(columns: set[str]) -> bool:
    return not columns.isdisjoint(AUDIO_KEYS) and not columns.isdisjoint(TEXT_KEYS)


def _has_audio(path: Path) -> bool:
    """Return whether a row of a table names an audio file that exists."""
    num_read = 0
    try:
        for _, columns in _rows(path):
            name = string(columns, AUDIO_KEYS)
            if name and locate(name, path.parent).is_file():
                return True
            num_read += 1
    except InputError:  # of a row; of the first one, reading will report it
        return num_read == 0
    return False


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    channels: dict[str | None, str] = {}
    for where, columns in csv_rows(path):
        row = {_key(name): value.strip() for name, value in columns.items()}
        times = [name for name in TIME_KEYS if row.get(name)]
        if times:
            raise InputError(
                f"{where}: `{times[0]}` is not read, because a row of a table is a whole audio "
                "file; write JSON lines with `offset` and `duration` instead (--form json)"
            )
        name, channel = string(row, AUDIO_KEYS), row.get("channel", "")
        if channels.setdefault(name, channel) != channel:
            raise InputError(
                f"{where}: `channel` is not read, because a row of a table is a whole audio file; "
                "for a speaker on each channel, make a Kaldi directory whose wav.scp splits them, "
                "such as `sox call.wav -t wav - remix 1 |` (--form kaldi)"
            )
        yield where, row


def _key(column: str) -> str:
    return column.strip().lower()
