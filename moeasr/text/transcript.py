"""Transcripts and speakers of a data directory's `text` and `utt2spk`, cleaned and checked."""

from collections.abc import Iterator
from pathlib import Path

from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.text.normalize import find_fault, normalize


def read_transcripts(path: str | Path) -> dict[str, str]:
    """Read a `text` file: utterance id -> clean transcript, in the file's order.

    An utterance without words is an empty transcript, as a recogniser's output may be.

    Raises:
        InputError: As `Table`; or the file is empty, or a line holds a character that `normalize`
            refuses.
    """
    return dict(each_transcript(path))


def each_transcript(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield what `read_transcripts` reads, without holding all of it in memory."""
    for _, utt_id, text in _checked_lines(path):
        yield utt_id, normalize(text)


def read_utt2spk(path: str | Path) -> dict[str, str]:
    """Read a `utt2spk` file: utterance id -> speaker id.

    Raises:
        InputError: As for `read_transcripts`, or a line has not exactly two fields.
    """
    utt2spk = {}
    for number, utt_id, speaker in _checked_lines(path):
        if len(split_fields(speaker)) != 1:
            raise InputError(f"{path}, line {number}: must be `utterance speaker`, two fields")
        utt2spk[utt_id] = speaker
    return utt2spk


def _checked_lines(path: str | Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, id and rest of each line."""
    table = Table(path)
    if not table:
        raise InputError(f"file {path} is empty")
    for number, (utt_id, rest) in enumerate(table.items(), start=1):
        fault = find_fault(utt_id) or find_fault(rest)
        if fault is not None:
            raise InputError(f"{path}, line {number}: {fault}")
        yield number, utt_id, rest
