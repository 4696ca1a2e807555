"""The utterances of a set, a million of them too: on disk until they are asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moeasr.datadir.disk_table import Table
from moeasr.datadir.sources import Source, Sources


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is known of an utterance before it is read.

    Attributes:
        utt_id: Its name.
        source: Where its features or audio are.
        num_frames: Its length.
        text: Its transcript; empty where none is wanted.
        language: Its index in the model's languages; None where it has none.
    """

    utt_id: str
    source: Source
    num_frames: int
    text: str
    language: int | None = None


@dataclass(frozen=True)
class Utterances(Sequence[Utterance]):
    """N utterances, of which memory holds about 100 N bytes.

    Attributes:
        sources: What there is.
        rows: (N,) which of these.
        num_frames: (N,) their lengths.
        texts: Transcripts; None where none are wanted.
        text_rows: (N,) where in `texts` they are.
        languages: (N,) index in the model's languages; None where it has none.
    """

    sources: Sources
    rows: np.ndarray
    num_frames: np.ndarray
    texts: Table | None = None
    text_rows: np.ndarray | None = None
    languages: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Utterance:
        """An utterance.

        Raises:
            InputError: A table of the data directory is no longer what it was.
        """
        utt_id, source = self.sources[int(self.rows[index])]
        text = ""
        if self.texts is not None and self.text_rows is not None:
            _, text = self.texts[int(self.text_rows[index])]
        language = None if self.languages is None else int(self.languages[index])
        return Utterance(utt_id, source, int(self.num_frames[index]), text, language)

    def digest(self) -> str:
        """A digest of which utterances there are, how long they are, and in which languages."""
        digest = hashlib.sha256()
        columns = [self.sources.utt_ids[self.rows], self.num_frames.astype("S")]
        if self.languages is not None:
            columns.append(self.languages.astype("S"))
        for fields in zip(*columns):
            digest.update(b" ".join(fields) + b"\n")
        return digest.hexdigest()
