"""The audio files in the directories of a corpus."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from moeasr.audio.decoded import READ_HERE
from moeasr.logs import get_logger

READ_BY_FFMPEG = (".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr")
SUFFIXES = READ_HERE + READ_BY_FFMPEG
"""Endings of the names of audio files."""

logger = get_logger(__name__)


def others(paths: Sequence[Path]) -> str:
    """Return how many further paths there are, with up to ten names, as the end of a sentence."""
    names = ", ".join(path.name for path in paths[1:11])
    return f"; the same holds for {len(paths) - 1} more ({names})" if names else ""


def warn_of_unlisted(directories: Iterable[Path], listed: Collection[Path], where: str) -> None:
    """Log a warning about audio files that no line of a corpus names.

    There is none if a file that it names is missing, which is the error to report.

    Args:
        directories: Directories whose audio files the corpus should list, with all below them.
        listed: The audio files that it names.
        where: The files that should name them, for the message.
    """
    if not all(path.is_file() for path in listed):
        return
    known = {path.resolve() for path in listed}
    found = {path for directory in directories for path in directory.rglob("*") if is_audio(path)}
    lost = sorted(path for path in found if path.resolve() not in known)
    if lost:
        logger.warning(
            "%s is left out, because %s does not name it%s", lost[0], where, others(lost)
        )


def has_audio_ending(path: Path) -> bool:
    """Return whether a name ends like that of an audio file."""
    return path.suffix.lower() in SUFFIXES


def is_audio(path: Path) -> bool:
    """Return whether a file is audio by its name."""
    return has_audio_ending(path) and not path.name.startswith(".") and path.is_file()
