"""The transcripts (`text`) and speakers (`utt2spk`) of a data directory, read and checked."""

from collections.abc import Iterator
from pathlib import Path

from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.text.normalize import find_fault, normalize


def read_transcripts(path: str | Path) -> dict[str, str]:
    """Read a `text` file: utterance id -> normalised transcript, in the order of the file.

    A transcript may be empty, as a hypothesis may be.

    Raises:
        InputError: `Table` rejects the file, the file is empty, or a line contains a character that
            `normalize` rejects.
    """
    return dict(each_transcript(path))


def each_transcript(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield the utterance id and normalised transcript of each line of a `text` file."""
    for _, utt_id, text in _checked_lines(path):
        yield utt_id, normalize(text)


def read_utt2spk(path: str | Path) -> dict[str, str]:
    """Read a `utt2spk` file: utterance id -> speaker id.

    Raises:
        InputError: As in `read_transcripts`, or a line does not have exactly two fields.
    """
    utt2spk = {}
    for number, utt_id, speaker in _checked_lines(path):
        if len(split_fields(speaker)) != 1:
            raise InputError(f"{path}, line {number}: must have two fields, `utterance speaker`")
        utt2spk[utt_id] = speaker
    return utt2spk


def _checked_lines(path: str | Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number, id and rest of each line."""
    table = Table(path)
    if not table:
        raise InputError(f"file {path} is empty")
    for number, (utt_id, rest) in enumerate(table.items(), start=1):
        fault = find_fault(utt_id) or find_fault(rest)
        if fault is not None:
            raise InputError(f"{path}, line {number}: {fault}")
        yield number, utt_id, rest
