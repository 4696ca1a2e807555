"""The utterances of a data directory, which stay on disk until they are accessed.

These terms describe an utterance on its way from a data directory to a batch:

    row         number of its line in a table (`Table`), from 0
    entry       its value in feats.scp, wav.scp or shards.scp: where its features or audio are
    utterance   the information about it in the tables (`Utterance`)
    index       its number in a list of utterances (`Utterances`), from 0
    example     its features and tokens (`moeasr.data.batch.Example`)
    batch       several examples, padded to one length (`moeasr.data.batch.Batch`)
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moeasr.datadir.segment_rule import RULE, Segment, parse_segment
from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.fields import split_fields

ROWS_AT_ONCE = 100_000
"""Maximum number of recording names that exist as Python objects at the same time."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """An utterance of a data directory, before its features or audio are read.

    Attributes:
        utt_id: The utterance id: one word that begins with the speaker id, so that sorting by
            utterance also sorts by speaker.
        speaker: The speaker id, one word; None if utt2spk was not read.
        text: The transcript; empty if there is no speech, or if `text` was not read.
        entry: The value in wav.scp (a file, a command that ends in `|`, or a position in an
            archive), in feats.scp or in shards.scp.
        start_sec: Start of the utterance in the recording, seconds; None is the start of the
            recording.
        end_sec: End of the utterance in the recording, seconds; None or -1 is the end of the
            recording.
        num_frames: Number of feature frames; None if it is not known.
        language: Index into the model's languages or other labels; None for a model without labels.
        recording: The recording id, one word; None if it equals the utterance id, or is not needed.
        language_name: The language in utt2lang, one word; None if it is unknown, or not needed.
    """

    utt_id: str
    speaker: str | None
    text: str
    entry: str | Path
    start_sec: float | None = None
    end_sec: float | None = None
    num_frames: int | None = None
    language: int | None = None
    recording: str | None = None
    language_name: str | None = None

    @property
    def audio_span(self) -> tuple[str, float | None, float | None]:
        """The entry, and the start and end of the utterance in its recording, seconds."""
        return str(self.entry), self.start_sec, self.end_sec


@dataclass(frozen=True)
class Utterances(Sequence[Utterance]):
    """A sequence of N utterances that takes about 100 N bytes of memory; see `open_utterances`.

    Attributes:
        entries: A feats.scp, wav.scp or shards.scp.
        segments: The `segments` table, which cuts the recordings in `entries` into utterances;
            None if each utterance is a whole recording.
        rows: (N,) line of each utterance in `segments`, or in `entries` without segments, in
            ascending order.
        recordings: (N,) line of each utterance's recording in `entries`; None if there is no
            `segments`.
        num_frames: (N,) numbers of feature frames; None if they are not known.
        texts: The transcripts; None if they were not read.
        text_rows: (N,) line of each utterance in `texts`; -1 for utterances without transcript.
        languages: (N,) indices into the model's languages or other labels, -1 for an unknown
            label; None for a model without labels.
    """

    entries: Table
    segments: Table | None
    rows: np.ndarray
    recordings: np.ndarray | None
    num_frames: np.ndarray | None = None
    texts: Table | None = None
    text_rows: np.ndarray | None = None
    languages: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of utterances."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Utterance:
        """Return an utterance.

        Raises:
            InputError: A table of the data directory has changed since it was opened.
        """
        row = int(self.rows[index])
        start_sec = end_sec = None
        if self.segments is None or self.recordings is None:
            utt_id, entry = self.entries[row]
        else:
            utt_id, line = self.segments[row]
            _, start_sec, end_sec = _parse(utt_id, line, self.segments.path)
            _, entry = self.entries[int(self.recordings[index])]
        text = ""
        if self.texts is not None and self.text_rows[index] >= 0:
            _, text = self.texts[int(self.text_rows[index])]
        num_frames = None if self.num_frames is None else int(self.num_frames[index])
        language = None if self.languages is None else int(self.languages[index])
        return Utterance(utt_id, None, text, entry, start_sec, end_sec, num_frames, language)

    @property
    def utt_ids(self) -> np.ndarray:
        """The (N,) utterance ids, as bytes."""
        keys = self._table.keys
        return keys if len(self) == len(keys) else keys[self.rows]

    def indices_of(self, keys: np.ndarray) -> np.ndarray:
        """Return the index of each of (M,) ids in bytes as (M,) int64; -1 for an unknown id."""
        rows = self._table.rows_of(keys)
        if not len(self):
            return np.full(len(keys), -1)
        indices = np.minimum(np.searchsorted(self.rows, rows), len(self) - 1)
        return np.where(self.rows[indices] == rows, indices, -1)

    def select(self, indices: np.ndarray) -> "Utterances":
        """Return the utterances at (M,) indices, which are in ascending order."""
        names = ("rows", "recordings", "num_frames", "text_rows", "languages")
        columns = {name: getattr(self, name) for name in names}
        return dataclasses.replace(
            self, **{name: None if c is None else c[indices] for name, c in columns.items()}
        )

    def with_texts(self, texts: Table) -> "Utterances":
        """Return the same utterances with their transcripts."""
        texts.share_keys(self._table)
        return dataclasses.replace(self, texts=texts, text_rows=texts.rows_of(self.utt_ids))

    def require_transcripts(self) -> None:
        """Raise `InputError` if an utterance has no line in `texts`."""
        if (self.text_rows < 0).any():
            utt_id = self.utt_ids[int(np.argmin(self.text_rows))].decode()
            raise InputError(
                f"{self.texts.path} has no line for utterance {utt_id}; to remove the utterance "
                "from the other tables, run utils/fix_data_dir.sh"
            )

    def digest(self) -> str:
        """Return a digest of the ids, lengths and languages of the utterances."""
        digest = hashlib.sha256()
        columns = [self.utt_ids, self.num_frames.astype("S")]
        if self.languages is not None:
            columns.append(self.languages.astype("S"))
        for fields in zip(*columns):
            digest.update(b" ".join(fields) + b"\n")
        return digest.hexdigest()

    def text_digest(self) -> str:
        """Return a digest of the transcripts, in the order of their table; "" without any."""
        if self.texts is None or self.text_rows is None:
            return ""
        is_used = np.zeros(len(self.texts), dtype=bool)
        is_used[self.text_rows[self.text_rows >= 0]] = True
        digest = hashlib.sha256()
        for (utt_id, text), used in zip(self.texts.items(), is_used.tolist()):
            if used:
                digest.update(f"{utt_id} {text}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    @property
    def _table(self) -> Table:
        """The table that lists the utterances: `segments` if there is one, otherwise `entries`."""
        return self.entries if self.segments is None else self.segments


def open_utterances(entries: str | Path, segments: str | Path | None = None) -> Utterances:
    """Open the utterances of a table.

    Args:
        entries: A feats.scp, wav.scp or shards.scp with `id entry` lines. An id names a recording
            if `segments` is given, and an utterance otherwise.
        segments: A table of `utterance recording start end` lines, with times in seconds.

    Raises:
        InputError: A file is missing or malformed, there is no utterance, or a segment's recording
            is not in `entries`.
    """
    table = Table(entries)
    parts = None if segments is None else Table(segments)
    listed = table if parts is None else parts
    if not len(listed):
        raise InputError(f"{listed.path} contains no utterances")
    recordings = None if parts is None else _recordings_of(parts, table)
    return Utterances(table, parts, np.arange(len(listed), dtype=np.int32), recordings)


def open_recordings(data_dir: str | Path) -> Utterances:
    """Open the utterances of a data directory with audio: its wav.scp, and segments if it has any.

    Raises:
        InputError: As in `open_utterances`.
    """
    segments = Path(data_dir) / "segments"
    return open_utterances(Path(data_dir) / "wav.scp", segments if segments.is_file() else None)


def _recordings_of(segments: Table, entries: Table) -> np.ndarray:
    """Return the row in `entries` of each segment's recording, (N,)."""
    found, names = [np.zeros(0, np.int32)], []
    for row, (utt_id, line) in enumerate(segments.items(), start=1):
        names.append(_parse(utt_id, line, segments.path).recording.encode())
        if len(names) == ROWS_AT_ONCE or row == len(segments):
            found.append(entries.rows_of(np.array(names, dtype="S")))
            if found[-1].min() < 0:
                missing = int(np.argmin(found[-1]))
                utt_id = segments.keys[row - len(names) + missing].decode()
                raise InputError(
                    f"{segments.path}: recording {names[missing].decode()} of utterance {utt_id} "
                    f"is not in {entries.path}"
                )
            names = []
    return np.concatenate(found)


def _parse(utt_id: str, line: str, path: Path) -> Segment:
    try:
        return parse_segment(split_fields(line))
    except ValueError:
        raise InputError(f"{path}: malformed line '{utt_id} {line}': {RULE}") from None
