"""The interface of a corpus form: how it is recognised, and which utterances it yields."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An utterance as its corpus describes it, before its ids are made and its audio is read."""

    name: str
    """A name that no other utterance of the speaker has; it may contain any characters."""
    text: str
    """The transcript as it is in the corpus."""
    audio: Path | str
    """An audio file as a `Path`, or another entry of wav.scp (a command, an archive) as text."""
    where: str
    """The file, and the line in it, that describes the utterance; messages begin with it."""
    speaker: str | None = None
    """The name of the speaker; None if the corpus does not tell."""
    recording: str | None = None
    """The name of the recording; required if several utterances share one."""
    start_sec: float | None = None
    """Start of the utterance in the recording; None is the start of the recording."""
    end_sec: float | None = None
    """End of the utterance in the recording; None is the end of the recording."""
    recording_sec: float | None = None
    """Length of the recording; None until its audio has been opened."""
    language: str | None = None
    """The name of the language; None if the corpus does not tell."""


class Form(ABC):
    """A corpus form: a layout of the audio files and transcripts of a corpus.

    A form of your own is a subclass in a file of `local/`, for example `MyForm` in
    `local/my_form.py`; `--form my_form.MyForm` selects it.
    """

    needs = ""
    """The files that a corpus of this form has, as a phrase for messages."""
    allows_empty_text = False
    """True if an empty transcript means a recording without speech, False if it is an error."""
    keeps_ids = False
    """True if the names of utterances and speakers are ids of Kaldi, which do not change."""

    @abstractmethod
    def find(self, root: Path) -> str | None:
        """Return the evidence for this form in `root`, as a phrase; None if there is none."""

    def fault(self, root: Path) -> str | None:
        """Return why `root` is not of this form although it resembles it, as a phrase; or None."""
        return None

    @abstractmethod
    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of each set.

        Args:
            root: The directory of the corpus.

        Returns:
            The sets `train`, `dev` and `test`, as far as the corpus defines them, or one set
            `moeasr.corpus.forms.source_files.UNSPLIT`.

        Raises:
            InputError: A file is missing or malformed; the message names the file and the line.
        """
