"""The corpus form `json`: JSON lines as NeMo and Hugging Face write them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import (
    LANGUAGE_KEYS,
    SPEAKER_KEYS,
    TEXT_KEYS,
    first_line,
    group_by_set,
    json_objects,
    locate,
    seconds,
    set_directories,
    string,
    visible,
)
from moeasr.errors import InputError

SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
AUDIO_KEYS = ("audio_filepath", "audio", "file_name", "file", "path")


class JsonManifestForm(Form):
    """One JSON object per utterance: `{"audio_filepath": ..., "duration": ..., "text": ...}`.

    The keys are NeMo's (`audio_filepath text offset duration`) or those of Hugging Face's data sets
    (`audio`, `file` or `file_name`; `sentence`, `transcription` or `text`). `speaker` and `lang`
    are optional. Manifests are beside the audio or in the directory of their set, as
    `metadata.jsonl`.
    """

    needs = "JSON lines with audio_filepath (or audio, file_name, file) and text (or sentence)"

    def find(self, root: Path) -> str | None:
        """Return the first manifest, if its first line names an audio file."""
        found = next(iter(_manifests(root)), None)
        return found and f"{found.relative_to(root)} with JSON lines that name audio files"

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all manifests, by name of the set."""
        manifests = _manifests(root)
        if not manifests:
            raise InputError(
                f"{root} contains no JSON lines file ({' '.join(SUFFIXES)}) whose objects have one "
                f"of the keys {', '.join(AUDIO_KEYS)}"
            )
        sets = {
            name: [row for path in paths for row in _read_rows(path)]
            for name, paths in group_by_set(root, manifests).items()
        }
        parent = _common_parent([row.audio for rows in sets.values() for row in rows])
        return {name: [_item(row, parent) for row in rows] for name, rows in sets.items()}


class _Row(NamedTuple):
    """A line of a manifest."""

    where: str
    record: Mapping[str, Any]
    audio: Path


def _manifests(root: Path) -> list[Path]:
    """Return the JSON files that list audio, in a corpus and in the directories of its sets."""
    paths = visible(path for place in set_directories(root) for path in place.glob("*.json*"))
    return [path for path in paths if path.name.endswith(SUFFIXES) and _lists_audio(path)]


def _lists_audio(path: Path) -> bool:
    """Return whether a file looks like a manifest; one that is damaged later is found when read."""
    line = first_line(path)
    return line.startswith("{") and any(f'"{key}"' in line for key in AUDIO_KEYS)


def _read_rows(path: Path) -> list[_Row]:
    rows = []
    for where, record in json_objects(path):
        audio = record.get("audio")
        # a data set of Hugging Face may nest the path
        nested = audio.get("path") if isinstance(audio, Mapping) else None
        name = nested if isinstance(nested, str) else string(record, AUDIO_KEYS)
        if not name:
            raise InputError(f"{where}: has none of the keys {', '.join(AUDIO_KEYS)}")
        rows.append(_Row(where, record, locate(name, path.parent)))
    return rows


def _common_parent(paths: Sequence[Path]) -> Path:
    """Return the deepest directory that contains all audio files."""
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()


def _item(row: _Row, parent: Path) -> Item:
    where, record, audio = row
    text = string(record, TEXT_KEYS)
    if text is None:
        raise InputError(f"{where}: has none of the keys {', '.join(TEXT_KEYS)}")
    start_sec, duration_sec = (seconds(record, key, where) for key in ("offset", "duration"))
    recording = "-".join(audio.relative_to(parent).with_suffix("").parts)
    name = recording
    if start_sec:  # the recording has several utterances
        name += f"-{round(start_sec * 1000):08d}"
    end_sec = None if duration_sec is None else (start_sec or 0.0) + duration_sec
    return Item(
        name=name,
        text=text,
        audio=audio,
        where=where,
        speaker=string(record, SPEAKER_KEYS),
        recording=recording,
        start_sec=start_sec,
        end_sec=end_sec,
        language=string(record, LANGUAGE_KEYS) or None,
    )
