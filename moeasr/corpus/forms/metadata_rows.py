"""Utterances from rows of metadata, each of which names an audio file and its transcript."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.corpus.forms.audio_files import has_audio_ending, warn_of_unlisted
from moeasr.corpus.forms.form import Item
from moeasr.corpus.forms.source_files import (
    LANGUAGE_KEYS,
    SPEAKER_KEYS,
    TEXT_KEYS,
    UNSPLIT,
    group_by_set,
    locate,
    set_of,
    string,
)
from moeasr.errors import InputError


class Row(NamedTuple):
    """A row of a metadata file."""

    file: Path
    """The metadata file, from which paths of audio start."""
    where: str
    """The file and the line, for messages."""
    columns: Mapping[str, Any]
    audio_key: str
    """The column that names the audio."""
    audio: Path
    """The audio file, which may be missing."""


Reader = Callable[[Path], Iterable[tuple[str, Mapping[str, Any]]]]
"""A function that yields (file and line, columns) of the rows of a metadata file."""


def read_metadata(
    root: Path, paths: Sequence[Path], read: Reader, audio_keys: Sequence[str]
) -> dict[str, list[Item]]:
    """Return the utterances of metadata files, by name of the set.

    The path of a metadata file tells the set. If it does not, the directories of the audio below
    `root` do, of which the last one that contains the name of a set decides.

    Args:
        root: The directory of the corpus.
        paths: The metadata files.
        read: The reader of a file.
        audio_keys: Columns that may name the audio file; the first one that is present is read.

    Raises:
        InputError: A row has no audio or no text, or only some rows tell their set.
    """
    groups = group_by_set(root, paths)
    rows = {name: list(_rows(found, read, audio_keys)) for name, found in groups.items()}
    if rows.keys() == {UNSPLIT}:
        rows = _split_by_directory(root, rows[UNSPLIT])
    sets = {name: [_item(root, row) for row in found] for name, found in rows.items()}
    listed = [item.audio for items in sets.values() for item in items]
    warn_of_unlisted({path.parent for path in paths}, listed, "the metadata")
    return sets


def _rows(paths: Iterable[Path], read: Reader, audio_keys: Sequence[str]) -> Iterator[Row]:
    for path in paths:
        for where, columns in read(path):
            name = string(columns, audio_keys)
            key = next((key for key in audio_keys if key in columns), audio_keys[0])
            if not name:
                raise InputError(f"{where}: `{key}` is empty or missing")
            yield Row(path, where, columns, key, locate(name, path.parent))


def _split_by_directory(root: Path, rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows by the set that a directory of their audio names.

    If no directory names the training set, all rows are `UNSPLIT`, because a directory such as
    `val` may be that of a speaker.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        directories = _relative(row.audio, root).parts[-2::-1]
        groups.setdefault(next(filter(None, map(set_of, directories)), UNSPLIT), []).append(row)
    if "train" not in groups:
        return {UNSPLIT: rows}
    for row in groups.get(UNSPLIT, []):
        raise InputError(
            f"{row.where}: the directories in `{row.audio_key}` name no set (train, dev or test), "
            "but those of other rows do"
        )
    return groups


def _item(root: Path, row: Row) -> Item:
    text = string(row.columns, TEXT_KEYS)
    if text is None:
        raise InputError(f"{row.where}: has none of the columns {', '.join(TEXT_KEYS)}")
    path = _relative(row.audio, row.file.parent, root)
    return Item(
        name="-".join((path.with_suffix("") if has_audio_ending(path) else path).parts),
        text=text,
        audio=row.audio,
        where=row.where,
        speaker=string(row.columns, SPEAKER_KEYS) or None,
        language=string(row.columns, LANGUAGE_KEYS) or None,
    )


def _relative(path: Path, *directories: Path) -> Path:
    """Return a path relative to the first directory that contains it, else without its root."""
    whole = Path(os.path.abspath(path))
    for directory in map(Path, map(os.path.abspath, directories)):
        if whole.is_relative_to(directory):
            return whole.relative_to(directory)
    return whole.relative_to(whole.anchor)
