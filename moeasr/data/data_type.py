"""The forms that a set's features come in: stored, or made of audio in single files or in shards.

All give the same features, bit for bit, and with the same seed the same training. They differ in
disk and time: `feats` computes once and reads 32 kB for a second of speech; `raw` reads the audio
and computes whenever it reads; `shard` does so from a few thousand large files instead of a
million small ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from moeasr.data.archive import FeatureReader
from moeasr.data.audio import RecordingReader
from moeasr.data.audio_features import AudioFeatures, WaveformReader
from moeasr.data.datadir import DataDir
from moeasr.data.feature_settings import read_settings
from moeasr.data.shards import ShardReader
from moeasr.data.sources import Source, Sources, open_sources
from moeasr.errors import InputError


class UtteranceReader(Protocol):
    """Gives the features of an utterance."""

    def read(self, source: Source, utt_id: str) -> Tensor:
        """(T, F) float32.

        Raises:
            InputError: They cannot be read, or made; the utterance is named.
        """
        ...


class StoredFeatures:
    """The features that feats.scp tells the place of."""

    def __init__(self) -> None:
        self._archives = FeatureReader()

    def read(self, source: Source, utt_id: str) -> Tensor:
        """As `UtteranceReader`."""
        return self._archives.read(source.entry, utt_id)


@dataclass(frozen=True)
class DataType:
    """One form.

    Attributes:
        table: What lists the utterances' places.
        maker: The script that gets a data directory ready.
        open_audio: Makes a reader of what is in these places, given whether to fetch whole files
            (see `ShardReader`); None if features are there.
    """

    table: str
    maker: str
    open_audio: Callable[[bool], WaveformReader] | None = None

    @property
    def content(self) -> str:
        """What is in these places, in a word."""
        return "features" if self.open_audio is None else "audio"

    def open_reader(self, directory: DataDir, whole_files: bool = False) -> UtteranceReader:
        """What gives the features of a data directory's utterances.

        Raises:
            InputError: It does not tell how features are made of its audio.
        """
        if self.open_audio is None:
            return StoredFeatures()
        return AudioFeatures(self.open_audio(whole_files), read_settings(directory.path))

    def open_sources(self, directory: DataDir) -> Sources:
        """The places of a set's features or audio.

        Raises:
            InputError: Their table is missing or malformed.
        """
        self.require(directory, self.table)
        with_segments = self.table == "wav.scp" and directory.has("segments")
        segments = directory.path / "segments" if with_segments else None
        return open_sources(directory.path / self.table, segments)

    def require(self, directory: DataDir, name: str) -> None:
        """Hold a directory to having a file that this type needs.

        Raises:
            InputError: It has not; tells what makes it.
        """
        if not directory.has(name):
            raise InputError(f"{directory.path} has no {name}; make it with {self.maker}")


DATA_TYPES = {
    "feats": DataType("feats.scp", "utils/make_fbank.sh"),
    "shard": DataType("shards.scp", "utils/make_shards.sh", ShardReader),
    "raw": DataType("wav.scp", "utils/make_raw.sh", lambda _: RecordingReader()),
}
"""The quickest to read first."""


def data_type_of(directory: DataDir) -> str:
    """The quickest data type that a directory has the table of; `feats` if it has none."""
    return next((name for name, kind in DATA_TYPES.items() if directory.has(kind.table)), "feats")


def find_data_type(name: str) -> DataType:
    """The data type of a name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in DATA_TYPES:
        raise InputError(f"data type '{name}' is none of {', '.join(DATA_TYPES)}")
    return DATA_TYPES[name]
