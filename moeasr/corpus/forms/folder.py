"""The corpus form `folder`: audio files, each with a `.txt` file or a line in `transcripts.tsv`."""

from pathlib import Path

from moeasr.corpus.forms.audio_files import SUFFIXES, is_audio, others
from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import (
    UNSPLIT,
    group_by_set,
    locate,
    numbered_lines,
    only_directory,
    set_directories,
    set_of,
    visible,
)
from moeasr.errors import InputError
from moeasr.logs import get_logger

LIST = "transcripts.tsv"
TEXT_SUFFIXES = (".txt", ".TXT")

logger = get_logger(__name__)


class FolderForm(Form):
    """A folder of audio, with or without the directories `train`, `dev` and `test`.

    The transcript of `a.wav` is `a.txt` beside it, or a line `<path of the audio><tab><text>` in
    the `transcripts.tsv` of the set. If there are both, they must be equal. Audio may be in one
    directory per speaker.
    """

    needs = f"audio files with a .txt beside each, or {LIST} with lines `<audio><tab><text>`"
    allows_empty_text = True

    def find(self, root: Path) -> str | None:
        """Return the first audio file with a transcript.

        It is None if the only content of `root` is a directory, which is then tried instead.
        """
        if only_directory(root) is not None:
            return None
        listed = any((path / LIST).is_file() for path in set_directories(root))
        files = (path for path in root.rglob("*") if is_audio(path))
        audio = next((path for path in files if listed or _has_text(path)), None)
        return audio and f"audio files such as {audio.relative_to(root)} with transcripts"

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances by name of the set.

        A directory such as `train` is a set. If no directory is, the whole folder is one set.
        """
        directories = [path for path in visible(root.iterdir()) if path.is_dir()]
        # otherwise the directories are speakers, and a speaker may be called Val
        has_sets = any(set_of(path.name) == "train" for path in directories)
        sets = group_by_set(root, directories) if has_sets else {UNSPLIT: [root]}
        return {
            name: [item for path in paths for item in _read_set(path)]
            for name, paths in sets.items()
        }


def _read_set(root: Path) -> list[Item]:
    """Return the utterances of one set."""
    files = sorted(path for path in root.rglob("*") if is_audio(path))
    if not files:
        raise InputError(f"{root} contains no audio ({' '.join(SUFFIXES)})")
    listed = root / LIST
    has_list = listed.is_file()
    texts = _read_beside(root, files, is_alone=not has_list)
    expected = "a .txt file beside it"
    if has_list:
        in_list, expected = _read_list(listed), f"a line in {listed} or {expected}"
        for path in texts.keys() & in_list.keys():
            (file, text), (where, other) = texts[path], in_list[path]
            if text.split() != other.split():
                raise InputError(f"{where} and {file} differ; remove one of the transcripts")
        texts |= in_list
    untold = [path for path in files if path not in texts]
    if untold:
        raise InputError(f"{untold[0]} has no transcript: add {expected}{others(untold)}")
    return [_item(root, path, *texts[path]) for path in files]


def _item(root: Path, path: Path, where: str, text: str) -> Item:
    """Return the utterance of one audio file; its directory in the set, if any, is the speaker."""
    folders = path.relative_to(root).parent.parts
    return Item(
        name=path.stem,
        text=text,
        audio=path,
        where=where,
        speaker="-".join(folders) or None,
    )


def _read_beside(root: Path, files: list[Path], is_alone: bool) -> dict[Path, tuple[str, str]]:
    """Return, by audio file, the transcript file beside it and its text.

    Args:
        root: The directory of the set.
        files: Its audio files.
        is_alone: False if there are other transcripts, so that other `.txt` files may exist.
    """
    audio: dict[Path, Path] = {}
    for path in files:
        first = audio.setdefault(path.with_suffix(".txt"), path)
        if first != path and (is_alone or _has_text(path)):
            raise InputError(
                f"{first} and {path.name} have the same transcript, {path.stem}.txt; remove or "
                "rename one of them"
            )
    texts = visible(path for suffix in TEXT_SUFFIXES for path in root.rglob(f"*{suffix}"))
    found = {path.with_suffix(".txt"): path for path in texts}
    lost = [path for name, path in found.items() if name not in audio]
    if lost and is_alone:
        logger.warning(
            "%s is left out, because there is no audio file of this name beside it%s",
            *(lost[0], others(lost)),
        )
    return {
        audio[name]: (str(path), " ".join(line for _, line in numbered_lines(path)))
        for name, path in found.items()
        if name in audio
    }


def _has_text(audio: Path) -> bool:
    """Return whether there is a transcript file beside an audio file."""
    return any(audio.with_suffix(suffix).is_file() for suffix in TEXT_SUFFIXES)


def _read_list(path: Path) -> dict[Path, tuple[str, str]]:
    """Return, by audio file, the place and the text of its line in a `transcripts.tsv`."""
    texts: dict[Path, tuple[str, str]] = {}
    for where, line in numbered_lines(path):
        name, tab, text = line.lstrip().partition("\t")
        if not tab:
            raise InputError(f"{where}: must be `<audio><tab><text>`, but is '{line}'")
        audio = locate(name, path.parent)
        if not audio.is_file():
            raise InputError(f"{where}: audio file {audio} does not exist")
        if audio in texts:
            raise InputError(f"{where}: {name} appears twice (first: {texts[audio][0]})")
        texts[audio] = where, text
    return texts
