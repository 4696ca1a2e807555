"""The corpus form `ljspeech`: transcripts in `metadata.csv`, and audio in `wavs/`.

The lines of `metadata.csv` are `name|text|normalized text`.
"""

from pathlib import Path

from moeasr.corpus.forms.audio_files import SUFFIXES, warn_of_unlisted
from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import first_line, group_by_set, locate, numbered_lines
from moeasr.errors import InputError


class LJSpeechForm(Form):
    """The layout of the LJ Speech Dataset, which many corpora of one speaker share.

    If a line has a normalized text, this is the transcript. Each set may have its own metadata file
    (`metadata_train.csv`, `metadata_val.csv`).
    """

    needs = "metadata.csv with lines `name|text`, audio in wavs/"

    def find(self, root: Path) -> str | None:
        """Return the metadata file, if its first line has columns separated by `|`."""
        found = next((path for path in _metadata(root) if "|" in first_line(path)), None)
        return found and f"{found.name} with lines `name|text`"

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all metadata files, by name of the set."""
        paths = _metadata(root)
        if not paths:
            raise InputError(f"{root} contains no metadata.csv")
        sets = {
            name: [
                _item(root, where, line) for path in files for where, line in numbered_lines(path)
            ]
            for name, files in group_by_set(root, paths).items()
        }
        listed = [item.audio for items in sets.values() for item in items]
        warn_of_unlisted([root / "wavs"], listed, "metadata.csv")
        return sets


def _metadata(root: Path) -> list[Path]:
    return sorted(root.glob("metadata*.csv"))


def _item(root: Path, where: str, line: str) -> Item:
    name, *texts = (column.strip() for column in line.split("|"))
    if not name or not 1 <= len(texts) <= 2:
        raise InputError(f"{where}: must be `name|text` or `name|text|normalized text`: '{line}'")
    audio = _audio(root, name)
    folder = next((path for path in _folders(root) if audio.is_relative_to(path)), audio.parent)
    parts = audio.relative_to(folder).with_suffix("").parts
    return Item(name="-".join(parts), text=texts[-1] or texts[0], audio=audio, where=where)


def _folders(root: Path) -> tuple[Path, ...]:
    """Return the directories to which the names of audio files are relative."""
    return root / "wavs", root


def _audio(root: Path, name: str) -> Path:
    """Return the audio file of a name, which may lack its suffix."""
    for suffix in ("", *SUFFIXES):
        path = locate(name + suffix, *_folders(root))
        if path.is_file():
            return path
    return locate(f"{name}.wav", *_folders(root))
