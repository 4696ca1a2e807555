"""The corpus form `audio_folder` of Hugging Face, with `metadata.csv` or `metadata.jsonl`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from moeasr.corpus.forms.csv_rows import csv_header, csv_rows
from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.metadata_rows import read_metadata
from moeasr.corpus.forms.source_files import TEXT_KEYS, first_line, json_objects, set_directories
from moeasr.errors import InputError

CSV, JSON_LINES = "metadata.csv", "metadata.jsonl"
AUDIO_KEY = "file_name"


class AudioFolderForm(Form):
    """A folder that `datasets.load_dataset("audiofolder", data_dir=...)` reads.

    Metadata files are in the folder, in the directories of its sets, or in those below `data`.
    `file_name` is relative to the metadata file. A column of `TEXT_KEYS` has the transcript.
    Columns of `SPEAKER_KEYS` and `LANGUAGE_KEYS` are optional. One metadata file may describe all
    sets: then the directories in `file_name` tell them apart.
    """

    needs = f"{CSV} or {JSON_LINES} with {AUDIO_KEY} and one of {', '.join(TEXT_KEYS)}"

    def find(self, root: Path) -> str | None:
        """Return the first metadata file, if it names audio files."""
        found = next(iter(_metadata(root)), None)
        return found and f"{found.relative_to(root)} with the column {AUDIO_KEY}"

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all metadata files, by name of the set."""
        paths = _metadata(root)
        if not paths:
            raise InputError(
                f"{root} contains no {CSV} or {JSON_LINES} with the column {AUDIO_KEY}, neither "
                "itself nor in the directories of its sets"
            )
        return read_metadata(root, paths, _rows, [AUDIO_KEY])


def _metadata(root: Path) -> list[Path]:
    paths = [path / name for path in set_directories(root) for name in (CSV, JSON_LINES)]
    return [path for path in paths if path.is_file() and _names_audio(path)]


def _names_audio(path: Path) -> bool:
    if path.name == CSV:
        return AUDIO_KEY in csv_header(path)
    return f'"{AUDIO_KEY}"' in first_line(path)


def _rows(path: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return csv_rows(path) if path.name == CSV else json_objects(path)
