"""The forms that a set's features come in: stored, or made of audio in single files or in shards.

All give the same features, bit for bit, and with the same seed the same training. They differ in
disk and time: `feats` computes once and reads 32 kB for a second of speech; `raw` reads the audio
and computes whenever it reads; `shard` does so from a few thousand large files instead of a
million small ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from moeasr.audio.command_notice import command_notice
from moeasr.audio.recording import RecordingReader
from moeasr.data.audio_features import AudioFeatures, WaveformReader
from moeasr.data.feature_settings import SETTINGS, read_settings
from moeasr.data.shards.reader import ShardReader
from moeasr.datadir.directory import DataDir
from moeasr.datadir.sources import Source, Sources, open_sources
from moeasr.errors import InputError
from moeasr.features.archive import FeatureReader
from moeasr.logs import get_logger


class UtteranceReader(Protocol):
    """Gives the features of an utterance."""

    def read(self, source: Source, utt_id: str) -> Tensor:
        """(T, F) float32.

        Raises:
            InputError: They cannot be read, or made; the utterance is named.
        """
        ...


class StoredFeatures:
    """A reader of the features that a feats.scp points to.

    Args:
        num_bins: F, which they must have; None takes any.
    """

    def __init__(self, num_bins: int | None = None) -> None:
        self._archives = FeatureReader()
        self._num_bins = num_bins

    def num_frames(self, source: Source, utt_id: str) -> int:
        """Return T of an utterance, by the header of its features.

        Raises:
            InputError: They are missing, damaged, or of another dimension.
        """
        num_frames, num_bins = self._archives.shape(source.entry, utt_id)
        if num_frames > 0 and self._num_bins not in (None, num_bins):
            raise InputError(
                f"features of utterance {utt_id} ({source.entry}) have {num_bins} bins, but "
                f"{self._num_bins} are expected; make the features of its set again"
            )
        return num_frames

    def read(self, source: Source, utt_id: str) -> Tensor:
        """As `UtteranceReader`."""
        if self.num_frames(source, utt_id) == 0 and self._num_bins is not None:
            return torch.zeros(0, self._num_bins)
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
            has_settings = directory.has(str(SETTINGS))
            num_bins = read_settings(directory.path).num_mel_bins if has_settings else None
            return StoredFeatures(num_bins)
        return AudioFeatures(self.open_audio(whole_files), read_settings(directory.path))

    def open_sources(self, directory: DataDir) -> Sources:
        """Return the places of a set's features or audio; log whether reading it runs commands.

        Raises:
            InputError: Their table is missing or malformed.
        """
        self.require(directory, self.table)
        path = directory.path / self.table
        with_segments = self.table == "wav.scp" and directory.has("segments")
        segments = directory.path / "segments" if with_segments else None
        sources = open_sources(path, segments)
        if self.table == "wav.scp":
            notice = command_notice(path, sources.named_entries())
            if notice:
                get_logger(__name__).info(notice)
        return sources

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
