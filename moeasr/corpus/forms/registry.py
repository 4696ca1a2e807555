"""The corpus forms by name, and the recognition of the form of a corpus."""

from pathlib import Path

from moeasr.corpus.forms.audio_files import is_audio
from moeasr.corpus.forms.audio_folder import AudioFolderForm
from moeasr.corpus.forms.common_voice import CommonVoiceForm
from moeasr.corpus.forms.csv_table import CsvForm
from moeasr.corpus.forms.folder import FolderForm
from moeasr.corpus.forms.form import Form
from moeasr.corpus.forms.json_manifest import JsonManifestForm
from moeasr.corpus.forms.kaldi_directory import KaldiForm
from moeasr.corpus.forms.lhotse_manifest import LhotseForm
from moeasr.corpus.forms.ljspeech import LJSpeechForm
from moeasr.corpus.forms.source_files import numbered_lines, only_directory
from moeasr.errors import InputError
from moeasr.families import look_up
from moeasr.logs import get_logger
from moeasr.plurals import counted

FORMS: dict[str, type[Form]] = {
    "kaldi": KaldiForm,
    "lhotse": LhotseForm,
    "common_voice": CommonVoiceForm,
    "ljspeech": LJSpeechForm,
    "json": JsonManifestForm,
    "audio_folder": AudioFolderForm,
    "csv": CsvForm,
    "folder": FolderForm,
}
"""The corpus forms in the order in which they are tried. `folder` is the last one, because a corpus
of any other form is also a folder with audio."""
AUTO = "auto"
TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".gz", ".parquet", ".xlsx", ".xml")
"""Ends of the names of files that may contain transcripts."""
NOT_TEXT = (".tar.gz", ".parquet", ".xlsx")
MAX_TABLES = 3
MAX_SHOWN = 80
"""Maximum number of characters of a line that a message shows."""

logger = get_logger(__name__)


def find_form(name: str, root: Path) -> tuple[Form, Path]:
    """Return the form of a corpus, and the directory that contains the files of the form.

    Args:
        name: A name in `FORMS`, an import path, or `AUTO` to recognise the form.
        root: The corpus, or a directory whose only content is the corpus.

    Raises:
        InputError: There is no such form, or no form is recognised.
    """
    if not root.is_dir():
        raise InputError(f"--download-dir {root} is not a directory")
    places = _places(root)
    if name != AUTO:
        try:
            form = look_up(FORMS, name, Form)()
        except InputError as error:
            raise InputError(f"--form: {error}") from None
        return form, next((place for place in places if form.find(place)), root)
    for known, kind in FORMS.items():
        for place in places:
            evidence = kind().find(place)
            if evidence:
                logger.info("%s is read as --form %s: it contains %s", place, known, evidence)
                return kind(), place
    faults = (kind().fault(place) for kind in FORMS.values() for place in places)
    reason = " and ".join(filter(None, (_content(root), next(filter(None, faults), None))))
    for known, kind in FORMS.items():
        logger.info("--form %s needs %s", known, kind.needs)
    raise InputError(
        f"{root}: the form of the corpus is not recognised, since {reason}; arrange the "
        "files as one of the forms above needs them, or write a form of your own in "
        'local/my_form.py, and name the form: ./run.sh --corpus-opts "--form FORM"'
    )


def _content(directory: Path) -> str:
    """Describe a directory for a message: an audio file in it, and the first lines of tables."""
    paths = [path for path in directory.rglob("*") if not path.name.startswith(".")]
    audio = next(filter(is_audio, sorted(paths)), None)
    tables = sorted(
        (path for path in paths if path.name.endswith(TABLES)),
        key=lambda path: (len(path.parts), path),
    )
    parts = [
        "it contains no audio files"
        if audio is None
        else f"it contains audio files such as {audio.relative_to(directory)}"
    ]
    for path in tables[:MAX_TABLES]:
        parts.append(f"{path.relative_to(directory)}{_first_line(path)}")
    if len(tables) > MAX_TABLES:
        parts.append(counted(len(tables) - MAX_TABLES, "further table"))
    return " and ".join(parts) if tables else f"{parts[0]} and no tables with transcripts"


def _first_line(path: Path) -> str:
    """Return the first line of a table as the end of a phrase, or why it cannot be shown."""
    if path.name.endswith(NOT_TEXT):
        return ""
    try:
        line = next((line for _, line in numbered_lines(path)), "")
    except (InputError, OSError):
        return ", which is not UTF-8 text"
    return f" with the first line '{line[:MAX_SHOWN]}'" if line.isprintable() and line else ""


def _places(root: Path) -> list[Path]:
    """Return a directory, and the nested directories below it that have no other content.

    If `a` contains only `a/b`, and `a/b` contains several files, the result is `[a, a/b]`.
    """
    places = [root]
    while (inner := only_directory(places[-1])) is not None:
        places.append(inner)
    return places
