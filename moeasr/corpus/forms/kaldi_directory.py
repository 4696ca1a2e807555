"""The corpus form `kaldi`: data directories with `wav.scp`, `text`, `utt2spk` (and `segments`)."""

from pathlib import Path

from moeasr.audio.ark import archive_place
from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import group_by_set, locate, set_directories
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import Utterance, open_recordings
from moeasr.errors import InputError


class KaldiForm(Form):
    """Data directories in the corpus or in its `data`, whose ids do not change.

    Only the tables `wav.scp`, `text`, `utt2spk`, `segments` and `utt2lang` are read. The stages of
    the recipe make all other tables.

    A path in wav.scp is absolute, or relative to the data directory, to the corpus or to the
    working directory.
    """

    needs = "data directories with wav.scp, text and utt2spk"
    allows_empty_text = True
    keeps_ids = True

    def find(self, root: Path) -> str | None:
        """Return the wav.scp of the first data directory."""
        found = next(iter(_directories(root)), None)
        return found and str((found / "wav.scp").relative_to(root))

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all data directories, by name of the set."""
        directories = _directories(root)
        if not directories:
            raise InputError(f"{root} contains no data directory (a directory with a wav.scp)")
        return {
            name: [item for path in paths for item in _read_directory(path, root)]
            for name, paths in group_by_set(root, directories).items()
        }


def _directories(root: Path) -> list[Path]:
    return [path for path in set_directories(root) if (path / "wav.scp").is_file()]


def _read_directory(data: Path, root: Path) -> list[Item]:
    for name in ("text", "utt2spk"):
        if not (data / name).is_file():
            raise InputError(f"{data / name} does not exist; it is required beside wav.scp")
    utterances = open_recordings(data)
    names = ("text", "utt2spk", *(["utt2lang"] if (data / "utt2lang").is_file() else []))
    columns = {name: dict(Table(data / name).items()) for name in names}
    items = []
    for index, utterance in enumerate(utterances):
        for name, values in columns.items():
            if utterance.utt_id not in values:
                raise InputError(f"{data / name}: there is no utterance {utterance.utt_id}")
        recording = utterance.utt_id
        if utterances.recordings is not None:
            recording = utterances.entries.keys[utterances.recordings[index]].decode()
        values = {name: column[utterance.utt_id] for name, column in columns.items()}
        items.append(_item(utterance, recording, values, data, root))
    return items


def _item(
    utterance: Utterance, recording: str, values: dict[str, str], data: Path, root: Path
) -> Item:
    return Item(
        name=utterance.utt_id,
        text=values["text"],
        audio=_audio(str(utterance.entry), data, root),
        where=f"{data}, utterance {utterance.utt_id}",
        speaker=values["utt2spk"],
        recording=recording,
        start_sec=utterance.start_sec,
        end_sec=utterance.end_sec,
        language=values.get("utt2lang"),
    )


def _audio(entry: str, data: Path, root: Path) -> Path | str:
    if entry.endswith("|"):
        return entry
    directories = data, root, Path.cwd()
    place = archive_place(entry)
    if place is None:
        return locate(entry, *directories)
    archive, offset = place
    return f"{locate(archive, *directories)}:{offset}"
