"""The corpus form `audio_folder` of Hugging Face, with `metadata.csv` or `metadata.jsonl`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moeasr.corpus.forms.audio_files import warn_of_unlisted
from moeasr.corpus.forms.csv_rows import csv_header, csv_rows
from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import (
    LANGUAGE_KEYS,
    SPEAKER_KEYS,
    TEXT_KEYS,
    UNSPLIT,
    first_line,
    group_by_set,
    json_objects,
    locate,
    set_directories,
    set_of,
    string,
)
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
        groups = group_by_set(root, paths)
        rows = {name: list(_rows(found)) for name, found in groups.items()}
        if rows.keys() == {UNSPLIT}:
            rows = _split_by_directory(rows[UNSPLIT])
        sets = {name: [_item(*row) for row in found] for name, found in rows.items()}
        listed = [item.audio for items in sets.values() for item in items]
        warn_of_unlisted({path.parent for path in paths}, listed, "the metadata")
        return sets


Row = tuple[Path, str, Mapping[str, Any]]
"""The metadata file, the place in it for messages, and the columns."""


def _metadata(root: Path) -> list[Path]:
    paths = [path / name for path in set_directories(root) for name in (CSV, JSON_LINES)]
    return [path for path in paths if path.is_file() and _names_audio(path)]


def _names_audio(path: Path) -> bool:
    if path.name == CSV:
        return AUDIO_KEY in csv_header(path)
    return f'"{AUDIO_KEY}"' in first_line(path)


def _rows(paths: list[Path]) -> Iterator[Row]:
    for path in paths:
        read = csv_rows if path.name == CSV else json_objects
        for where, record in read(path):
            yield path, where, record


def _split_by_directory(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows by the set that a directory in their `file_name` names.

    If no directory names the training set, all rows are `UNSPLIT`, because a directory such as
    `val` may be that of a speaker.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        directories = Path(str(row[2].get(AUDIO_KEY, ""))).parts[:-1]
        groups.setdefault(next(filter(None, map(set_of, directories)), UNSPLIT), []).append(row)
    if "train" not in groups:
        return {UNSPLIT: rows}
    for _, where, _ in groups.get(UNSPLIT, []):
        raise InputError(
            f"{where}: the directories in `{AUDIO_KEY}` name no set (train, dev or test), but "
            "those of other rows do"
        )
    return groups


def _item(metadata: Path, where: str, record: Mapping[str, Any]) -> Item:
    name, text = string(record, (AUDIO_KEY,)), string(record, TEXT_KEYS)
    if not name:
        raise InputError(f"{where}: `{AUDIO_KEY}` is empty or missing")
    if text is None:
        raise InputError(f"{where}: has none of the columns {', '.join(TEXT_KEYS)}")
    return Item(
        name="-".join(Path(name).with_suffix("").parts),
        text=text,
        audio=locate(name, metadata.parent),
        where=where,
        speaker=string(record, SPEAKER_KEYS) or None,
        language=string(record, LANGUAGE_KEYS) or None,
    )
