"""The text files of a corpus: which set each one describes, and their lines."""

import codecs
import gzip
import json
import math
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from moeasr.corpus.forms.audio_files import SUFFIXES, has_audio_ending
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.text_lines import decode_line

SETS = ("train", "dev", "test")
COMPOSITIONS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
UNSPLIT = "all"
"""The one set of a corpus that has not been split into training, development and test set."""
SET_OF_WORD = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "devel", "valid", "validation", "val"), "dev"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
"""Word in the name of a file or directory -> the set that it names."""

TEXT_KEYS = ("text", "sentence", "transcription", "transcript", "normalized_text")
SPEAKER_KEYS = ("speaker", "speaker_id", "client_id", "spk_id")
LANGUAGE_KEYS = ("lang", "language", "locale", "source_lang")
"""Keys and columns in which corpora store the transcript, the speaker and the language. The first
one that is present is read. `source_lang` comes from NeMo's Canary."""

logger = get_logger(__name__)


def set_of(name: str) -> str | None:
    """Return the set that a name like `train_clean_100.json` contains; None if there is none.

    Of several words the last one decides: `train_dev` of ESPnet is a development set.
    """
    words = reversed(re.split(r"[^a-z]+", name.lower()))
    return next((SET_OF_WORD[word] for word in words if word in SET_OF_WORD), None)


def group_by_set(root: Path, paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the files or directories of each set; all are `UNSPLIT` if no name contains a set.

    Args:
        root: The directory of the corpus.
        paths: Paths in it. The last part of a path that contains the name of a set decides, such
            as `train` in `train/metadata.jsonl`.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(paths):
        parts = reversed(path.relative_to(root).parts)
        name = next(filter(None, map(set_of, parts)), UNSPLIT)
        groups.setdefault(name, []).append(path)
    if len(groups) > 1:
        for path in groups.pop(UNSPLIT, []):
            logger.warning(
                "%s is left out, because its name contains no set (train, dev or test)", path
            )
    return groups


def visible(paths: Iterable[Path]) -> list[Path]:
    """Return the paths, sorted, without hidden files such as those that macOS adds."""
    return sorted(path for path in paths if not path.name.startswith("."))


def set_directories(root: Path) -> list[Path]:
    """Return the directories that may hold sets: `root`, those in it, and those in its `data`."""
    return [root, *visible(root.glob("*/")), *visible(root.glob("data/*/"))]


def only_directory(directory: Path) -> Path | None:
    """Return the only content of a directory if it is a directory, otherwise None."""
    content = visible(directory.iterdir())
    return content[0] if len(content) == 1 and content[0].is_dir() else None


def locate(name: str, *directories: Path) -> Path:
    """Return the path of an audio file that a corpus names.

    Args:
        name: An absolute path, one that begins with `~/`, or one relative to one of the
            directories.
        directories: Directories to try in this order.

    Returns:
        The first path that exists, otherwise the path in the first directory. A name may lack the
        ending of the file, may have the backslashes of Windows, and may be composed (NFC) where
        the name of the file is not (NFD, as on a Mac), or the other way round.
    """
    # other names that begin with `~` are those of files, not of users
    path = Path(name).expanduser() if name.startswith("~/") else Path(name)
    paths = [path, Path(name.replace("\\", "/"))] if "\\" in name else [path]
    if not name.isascii():
        paths += [Path(unicodedata.normalize(form, str(p))) for form in COMPOSITIONS for p in paths]
    candidates = [directory / path for path in paths for directory in directories]
    if not has_audio_ending(path):
        named = [each for each in candidates if each.name]
        candidates += [each.with_name(each.name + end) for each in named for end in SUFFIXES]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (file and number, text) of the lines of a file that are not blank.

    A byte order mark and Windows line ends are removed. Files that end in `.gz` are uncompressed.

    Raises:
        InputError: The file is not UTF-8, or its compressed data is damaged.
    """
    open_file = gzip.open if path.suffix == ".gz" else open
    with open_file(path, "rb") as lines:
        try:
            for number, raw in enumerate(lines, start=1):
                raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
                line = decode_line(raw, path, number).removesuffix("\r")
                if line.strip():
                    yield f"{path}, line {number}", line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path} cannot be uncompressed: {error}") from None


def first_line(path: Path) -> str:
    """Return the first line of a file that is not blank; empty if the file cannot be read."""
    try:
        return next((line for _, line in numbered_lines(path)), "")
    except (InputError, OSError):
        return ""


def json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file and number, object) of the lines of a JSON lines file.

    Raises:
        InputError: A line is not a JSON object.
    """
    for where, line in numbered_lines(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: is not valid JSON ({error})") from None
        if not isinstance(value, dict):
            raise InputError(f"{where}: must be a JSON object, like {{...}}")
        yield where, value


def seconds(record: Mapping[str, Any], key: str, where: str) -> float | None:
    """Return a time in a JSON object, seconds; None if it has none.

    Raises:
        InputError: The value is not a number, or is negative.
    """
    value = record.get(key)
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise InputError(f"{where}: `{key}` must be a number of seconds, but is {value!r}")
    return float(value)


def string(record: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """Return the first value of some keys that is text or a whole number; None if there is none.

    pandas writes whole numbers of a column with gaps as `1.0`.
    """
    values = [record.get(key) for key in keys]
    numbers = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
    usable = (v for v in numbers if isinstance(v, (str, int)) and not isinstance(v, bool))
    return next(map(str, usable), None)
