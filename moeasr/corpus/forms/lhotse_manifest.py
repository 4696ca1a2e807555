"""The corpus form `lhotse`: `*recordings*.jsonl(.gz)` and their `*supervisions*.jsonl(.gz)`."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import (
    group_by_set,
    json_objects,
    locate,
    seconds,
    string,
    visible,
)
from moeasr.errors import InputError

RECORDINGS, SUPERVISIONS = "recordings", "supervisions"


class LhotseForm(Form):
    """Manifests of recordings and supervisions as lhotse stores them, one pair for each set.

    Paths of audio files are absolute, or relative to the manifest or to the working directory.
    """

    needs = "pairs of *recordings*.jsonl and *supervisions*.jsonl, perhaps with .gz"

    def find(self, root: Path) -> str | None:
        """Return the first manifest of supervisions."""
        found = next(iter(_supervisions(root)), None)
        return found and found.name

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all manifests, by name of the set."""
        paths = _supervisions(root)
        if not paths:
            raise InputError(f"{root} contains no *supervisions*.jsonl or *supervisions*.jsonl.gz")
        return {
            name: [item for path in group for item in _read_pair(path)]
            for name, group in group_by_set(root, paths).items()
        }


class _Recording(NamedTuple):
    """A line of a manifest of recordings."""

    audio: Path | str
    """A file, or a command."""
    channels: tuple[int, ...]


def _supervisions(root: Path) -> list[Path]:
    paths = visible(root.glob(f"*{SUPERVISIONS}*"))
    return [path for path in paths if path.name.endswith((".jsonl", ".jsonl.gz"))]


def _read_pair(supervisions: Path) -> list[Item]:
    """Return the utterances of a manifest of supervisions and its manifest of recordings."""
    name = supervisions.name.replace(SUPERVISIONS, RECORDINGS)
    path = supervisions.with_name(name)
    if not path.is_file():
        raise InputError(f"{supervisions}: its manifest of recordings, {path}, does not exist")
    recordings: dict[str, _Recording] = {}
    for where, record in json_objects(path):
        recordings[_required(record, "id", where)] = _recording(record, where, path.parent)
    return [_item(record, where, recordings, path) for where, record in json_objects(supervisions)]


def _required(record: Mapping[str, Any], key: str, where: str) -> str:
    value = string(record, (key,))
    if not value:
        raise InputError(f"{where}: there is no `{key}`")
    return value


def _recording(record: Mapping[str, Any], where: str, directory: Path) -> _Recording:
    if record.get("transforms"):
        raise InputError(f"{where}: `transforms` are not supported; use the original recordings")
    sources = record.get("sources")
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], Mapping):
        raise InputError(f"{where}: `sources` must be a list of one file or command")
    kind, source = (_required(sources[0], key, where) for key in ("type", "source"))
    if kind not in ("file", "command"):
        raise InputError(f"{where}: a source must have the type file or command, but has '{kind}'")
    channels = sources[0].get("channels") or [0]
    if kind == "command":
        return _Recording(f"{source} |", tuple(channels))
    return _Recording(locate(source, directory, Path.cwd()), tuple(channels))


def _item(
    record: Mapping[str, Any], where: str, recordings: Mapping[str, _Recording], path: Path
) -> Item:
    name, recording_id = (_required(record, key, where) for key in ("id", "recording_id"))
    if recording_id not in recordings:
        raise InputError(f"{where}: recording {recording_id} is not in {path}")
    text = string(record, ("text",))
    if text is None:
        raise InputError(f"{where}: there is no `text`")
    audio, channels = recordings[recording_id]
    if len(channels) > 1:
        channel = record.get("channel", 0)
        channel = channel[0] if isinstance(channel, list) and len(channel) == 1 else channel
        if channel not in channels:
            raise InputError(
                f"{where}: `channel` must be one of {list(channels)}, but is {channel}"
            )
        audio = _one_channel(audio, channels.index(channel), where)
        recording_id += f"-channel{channel}"
    start_sec = seconds(record, "start", where) or 0.0
    duration_sec = seconds(record, "duration", where)
    return Item(
        name=name,
        text=text,
        audio=audio,
        where=where,
        speaker=string(record, ("speaker",)),
        recording=recording_id,
        start_sec=start_sec,
        end_sec=None if duration_sec is None else start_sec + duration_sec,
        language=string(record, ("language",)) or None,
    )


def _one_channel(audio: Path | str, channel: int, where: str) -> str:
    """Return an entry of wav.scp that yields one channel, counted from 0."""
    if isinstance(audio, str):
        raise InputError(f"{where}: a command that yields several channels is not supported")
    if not audio.is_file():
        raise InputError(f"{where}: audio file {audio} does not exist")
    # moeasr reads the file itself: sox need not be installed
    return f"sox {shlex.quote(str(audio))} -t wav - remix {channel + 1} |"
