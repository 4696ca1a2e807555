"""Reading of Kaldi `text` and `utt2spk` files, with every fault named by file and line."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from moeasr.errors import InputError
from moeasr.fields import SPACES, split_fields
from moeasr.text.normalize import find_fault, normalize


def read_transcripts(path: str | Path) -> dict[str, str]:
    """Read a `text` file: utterance id -> clean transcript, in the file's order.

    An utterance without words is an empty transcript, as a recogniser's output may be.

    Raises:
        InputError: The file is missing, empty or not UTF-8, or a line is blank, repeats an
            utterance or holds a character that `normalize` refuses.
    """
    return {utt_id: normalize(text) for utt_id, text in _read_keyed_lines(path)}


def read_utt2spk(path: str | Path) -> dict[str, str]:
    """Read a `utt2spk` file: utterance id -> speaker id.

    Raises:
        InputError: As for `read_transcripts`, or a line has not exactly two fields.
    """
    utt2spk = {}
    for number, (utt_id, speaker) in enumerate(_read_keyed_lines(path), start=1):
        if len(split_fields(speaker)) != 1:
            raise InputError(f"{path}:{number}: must be `utterance speaker`, two fields")
        utt2spk[utt_id] = speaker.strip(SPACES)
    return utt2spk


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 file, read strictly.

    Raises:
        InputError: The file is missing or empty, begins with a byte order mark, or a line is not
            UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"file {path} does not exist")
    content = path.read_bytes()
    if not content:
        raise InputError(f"file {path} is empty")
    if content.startswith(codecs.BOM_UTF8):
        raise InputError(f"{path}:1: begins with a byte order mark; remove it")
    for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            place = f"byte {error.start + 1} of the line"
            raise InputError(f"{path}:{number}: not UTF-8 at {place}") from None
        yield number, line


def _read_keyed_lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield (id, rest) of each line, ids being unique."""
    first_line: dict[str, int] = {}
    for number, line in read_lines(path):
        fault = find_fault(line)
        if fault is not None:
            raise InputError(f"{path}:{number}: {fault}")
        fields = split_fields(line, maxsplit=1)
        if not fields or line[0] in SPACES:
            raise InputError(f"{path}:{number}: the line does not begin with an utterance id")
        utt_id = fields[0]
        if utt_id in first_line:
            raise InputError(
                f"{path}:{number}: utterance '{utt_id}' stands on line {first_line[utt_id]} already"
            )
        first_line[utt_id] = number
        yield utt_id, fields[1] if len(fields) > 1 else ""
