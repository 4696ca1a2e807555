"""Where the features or the audio of each utterance are, of a million utterances too."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from moeasr.datadir.disk_table import Table
from moeasr.errors import InputError
from moeasr.fields import split_fields


class Source(NamedTuple):
    """What to read for an utterance.

    Attributes:
        entry: The value of wav.scp, feats.scp or shards.scp.
        start_sec: Where in the recording it begins, seconds; None is the beginning.
        end_sec: Where it ends, seconds; None or below 0 is the end.
    """

    entry: str
    start_sec: float | None = None
    end_sec: float | None = None


class Sources(Sequence[tuple[str, Source]]):
    """Utterances and what to read for each, in file order: an entry of a table, or a part of it.

    Args:
        entries: `id entry` lines; ids of recordings if there are segments, else of utterances.
        segments: `utterance recording start end` lines, seconds; an end below 0 is the end.

    Attributes:
        utt_ids: (N,) the utterances, as bytes.
        recordings: (N,) int64 line of `entries` that each is cut from; None without segments.

    Raises:
        InputError: A segment is malformed, or its recording is not in `entries`.
    """

    def __init__(self, entries: Table, segments: Table | None = None) -> None:
        self._entries = entries
        self._segments = segments
        self.utt_ids = entries.keys if segments is None else segments.keys
        self.recordings = None if segments is None else self._find_recordings(segments)

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.utt_ids)

    def __getitem__(self, row: int) -> tuple[str, Source]:
        """An utterance's name and source."""
        if self._segments is None or self.recordings is None:
            key, entry = self._entries[row]
            return key, Source(entry)
        key, line = self._segments[row]
        _, start_sec, end_sec = _parse_segment(key, line, self._segments.path)
        _, entry = self._entries[int(self.recordings[row])]
        return key, Source(entry, start_sec, end_sec)

    def rows_of(self, keys: np.ndarray) -> np.ndarray:
        """(M,) int64: the number of each of (M,) utterances; -1 for those that are not here."""
        return (self._entries if self._segments is None else self._segments).rows_of(keys)

    def entries(self) -> Iterator[str]:
        """What wav.scp holds, recording by recording."""
        return self._entries.values()

    def named_entries(self) -> Iterator[tuple[str, str]]:
        """Yield the lines of wav.scp as key and value."""
        for key, entry in zip(self._entries.keys, self._entries.values()):
            yield key.decode(), entry

    def _find_recordings(self, segments: Table) -> np.ndarray:
        names = [
            _parse_segment(key.decode(), line, segments.path)[0].encode()
            for key, line in zip(segments.keys, segments.values())
        ]
        rows = self._entries.rows_of(np.array(names, dtype="S"))
        if (rows < 0).any():
            missing = int(np.argmin(rows))
            raise InputError(
                f"{segments.path}: recording {names[missing].decode()} of "
                f"{segments.keys[missing].decode()} is not in {self._entries.path}"
            )
        return rows


def open_sources(table: str | Path, segments: str | Path | None = None) -> Sources:
    """The sources in a feats.scp, wav.scp or shards.scp, perhaps cut by segments.

    Raises:
        InputError: A file is missing or malformed, or a segment's recording is not in `table`.
    """
    return Sources(Table(table), None if segments is None else Table(segments))


def _parse_segment(utt_id: str, line: str, path: Path) -> tuple[str, float, float]:
    try:
        recording, *times = split_fields(line)
        start_sec, end_sec = map(float, times)
        if not (math.isfinite(start_sec) and math.isfinite(end_sec)):
            raise ValueError(line)
        return recording, start_sec, end_sec
    except ValueError:
        raise InputError(
            f"{path}: utterance {utt_id} must have `recording start end`, but has `{line}`"
        ) from None
