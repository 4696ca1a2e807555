"""The forms by name, and how the form of a corpus is recognised."""

from pathlib import Path

from moeasr.corpus.forms.common_voice import CommonVoiceForm
from moeasr.corpus.forms.folder import FolderForm
from moeasr.corpus.forms.form import Form
from moeasr.corpus.forms.json_manifest import JsonManifestForm
from moeasr.corpus.forms.kaldi_directory import KaldiForm
from moeasr.corpus.forms.lhotse_manifest import LhotseForm
from moeasr.corpus.forms.ljspeech import LJSpeechForm
from moeasr.corpus.forms.source_files import only_directory
from moeasr.errors import InputError
from moeasr.families import look_up
from moeasr.logs import get_logger

FORMS: dict[str, type[Form]] = {
    "kaldi": KaldiForm,
    "lhotse": LhotseForm,
    "common_voice": CommonVoiceForm,
    "ljspeech": LJSpeechForm,
    "json": JsonManifestForm,
    "folder": FolderForm,
}
"""In the order in which they are tried: any corpus of the others is a folder of audio, too."""
AUTO = "auto"

logger = get_logger(__name__)


def find_form(name: str, root: Path) -> tuple[Form, Path]:
    """Return the form of a corpus, and the directory that has it.

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
    raise InputError(
        f"{root}: the form of the corpus is not recognised; name it with --form "
        f"({', '.join(FORMS)}, or the import path of your own)"
    )


def _places(root: Path) -> list[Path]:
    """Return a directory, and those below it as long as each one has no content but the next."""
    places = [root]
    while (inner := only_directory(places[-1])) is not None:
        places.append(inner)
    return places
