"""Utterances from rows of metadata, each of which names an audio file and its transcript."""

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


Reader = Callable[[Path], Iterable[tuple[str, Mapping[str, Any]]]]
"""A function that yields (file and line, columns) of the rows of a metadata file."""


def read_metadata(
    root: Path, paths: Sequence[Path], read: Reader, audio_keys: Sequence[str]
) -> dict[str, list[Item]]:
    """Return the utterances of metadata files, by name of the set.

    The path of a metadata file tells the set. If it does not, the directories of the audio do.

    Args:
        root: The directory of the corpus.
        paths: The metadata files.
        read: The reader of a file.
        audio_keys: Columns that may name the audio file; the first one that is present is read.

    Raises:
        InputError: A row has no audio or no text, or only some rows tell their set.
    """
    groups = group_by_set(root, paths)
    rows = {name: list(_rows(found, read)) for name, found in groups.items()}
    if rows.keys() == {UNSPLIT}:
        rows = _split_by_directory(rows[UNSPLIT], audio_keys)
    sets = {name: [_item(row, audio_keys) for row in found] for name, found in rows.items()}
    listed = [item.audio for items in sets.values() for item in items]
    warn_of_unlisted({path.parent for path in paths}, listed, "the metadata")
    return sets


def _rows(paths: Iterable[Path], read: Reader) -> Iterator[Row]:
    for path in paths:
        for where, columns in read(path):
            yield Row(path, where, columns)


def _split_by_directory(rows: list[Row], audio_keys: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows by the set that a directory in their path of audio names.

    If no directory names the training set, all rows are `UNSPLIT`, because a directory such as
    `val` may be that of a speaker.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        directories = Path(string(row.columns, audio_keys) or "").parts[:-1]
        groups.setdefault(next(filter(None, map(set_of, directories)), UNSPLIT), []).append(row)
    if "train" not in groups:
        return {UNSPLIT: rows}
    for row in groups.get(UNSPLIT, []):
        raise InputError(
            f"{row.where}: the directories in `{_audio_key(row, audio_keys)}` name no set (train, "
            "dev or test), but those of other rows do"
        )
    return groups


def _item(row: Row, audio_keys: Sequence[str]) -> Item:
    name, text = string(row.columns, audio_keys), string(row.columns, TEXT_KEYS)
    if not name:
        raise InputError(f"{row.where}: `{_audio_key(row, audio_keys)}` is empty or missing")
    if text is None:
        raise InputError(f"{row.where}: has none of the columns {', '.join(TEXT_KEYS)}")
    path = Path(name)
    return Item(
        name="-".join((path.with_suffix("") if has_audio_ending(path) else path).parts),
        text=text,
        audio=locate(name, row.file.parent),
        where=row.where,
        speaker=string(row.columns, SPEAKER_KEYS) or None,
        language=string(row.columns, LANGUAGE_KEYS) or None,
    )


def _audio_key(row: Row, audio_keys: Sequence[str]) -> str:
    return next((key for key in audio_keys if key in row.columns), audio_keys[0])
