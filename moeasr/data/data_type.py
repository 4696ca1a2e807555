"""The forms that a set's features come in: stored, or made of audio in single files or in shards.

All give the same features, bit for bit, and with the same seed the same training. They differ in
disk and time: `feats` computes once and reads 32 kB for a second of speech; `raw` reads the audio
and computes whenever it reads; `shard` does so from a few thousand large files instead of a
million small ones.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from moeasr.audio.command_notice import command_notice
from moeasr.audio.recording import RecordingReader
from moeasr.data.audio_features import AudioFeatures, WaveformReader
from moeasr.data.feature_settings import SETTINGS, read_settings
from moeasr.data.shards.reader import ShardReader
from moeasr.datadir.languages import language_ids
from moeasr.datadir.utterances import Utterance, Utterances, open_utterances
from moeasr.errors import InputError
from moeasr.features.archive import FeatureReader
from moeasr.features.fbank_config import FbankConfig
from moeasr.logs import get_logger


class UtteranceReader(Protocol):
    """Gives the features of an utterance."""

    def num_frames(self, utterance: Utterance) -> int:
        """Return T, by the header of the features or of the audio.

        Raises:
            InputError: The header cannot be read; the utterance is named.
        """
        ...

    def read(self, utterance: Utterance) -> Tensor:
        """Return the features, (T, F) float32.

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

    def num_frames(self, utterance: Utterance) -> int:
        """Return T of an utterance, by the header of its features.

        Raises:
            InputError: They are missing, damaged, or of another dimension.
        """
        utt_id, entry = utterance.utt_id, utterance.entry
        num_frames, num_bins = self._archives.shape(entry, utt_id)
        if num_frames > 0 and self._num_bins not in (None, num_bins):
            raise InputError(
                f"features of utterance {utt_id} ({entry}) have {num_bins} bins, but "
                f"{self._num_bins} are expected; make the features of its set again"
            )
        return num_frames

    def read(self, utterance: Utterance) -> Tensor:
        """As `UtteranceReader`."""
        if self.num_frames(utterance) == 0 and self._num_bins is not None:
            return torch.zeros(0, self._num_bins)
        return self._archives.read(utterance.entry, utterance.utt_id)


@dataclass(frozen=True)
class DataType:
    """One form.

    Attributes:
        table: The table of the utterances' entries.
        maker: The script that gets a data directory ready.
        open_audio: Makes a reader of the audio at these entries, given whether to fetch whole files
            (see `ShardReader`); None if the entries are those of stored features.
    """

    table: str
    maker: str
    open_audio: Callable[[bool], WaveformReader] | None = None

    @property
    def content(self) -> str:
        """What is at the entries, in a word."""
        return "features" if self.open_audio is None else "audio"

    def open(self, data_dir: str | Path, languages: Sequence[str] = ()) -> Utterances:
        """Return the utterances of a data directory; log whether reading them runs commands.

        This is how every command opens a data directory.

        Args:
            data_dir: With the table of this type, and `segments` if its entries are recordings.
            languages: Those of a model that routes by language: `utt2lang` must give each utterance
                one of them.

        Raises:
            InputError: There is no such directory, a table is missing or malformed, or an utterance
                has none of the `languages`.
        """
        data_dir = Path(data_dir)
        if not data_dir.is_dir():
            raise InputError(f"{data_dir}: no such directory")
        self.require(data_dir, self.table)
        segments = data_dir / "segments" if self.table == "wav.scp" else None
        has_segments = segments is not None and segments.is_file()
        utterances = open_utterances(data_dir / self.table, segments if has_segments else None)
        if self.table == "wav.scp":
            notice = command_notice(data_dir / self.table, utterances.entries.items())
            if notice:
                get_logger(__name__).info(notice)
        ids = language_ids(data_dir, utterances.utt_ids, languages)
        return dataclasses.replace(utterances, languages=ids)

    def open_reader(self, data_dir: str | Path, whole_files: bool = False) -> UtteranceReader:
        """Return a reader of features as the settings of a data directory say.

        Raises:
            InputError: The directory does not tell how features are made of its audio.
        """
        has_settings = (Path(data_dir) / SETTINGS).is_file()
        if self.open_audio is None and not has_settings:
            return StoredFeatures()
        return self.make_reader(read_settings(data_dir), whole_files)

    def make_reader(self, fbank: FbankConfig, whole_files: bool = False) -> UtteranceReader:
        """Return a reader of features of given settings."""
        if self.open_audio is None:
            return StoredFeatures(fbank.num_mel_bins)
        return AudioFeatures(self.open_audio(whole_files), fbank)

    def require(self, data_dir: Path, name: str) -> None:
        """Raise `InputError` unless a data directory has a file that this type needs."""
        if not (data_dir / name).is_file():
            raise InputError(f"{data_dir} has no {name}; make it with {self.maker}")


DATA_TYPES = {
    "feats": DataType("feats.scp", "utils/make_fbank.sh"),
    "shard": DataType("shards.scp", "utils/make_shards.sh", ShardReader),
    "raw": DataType("wav.scp", "utils/make_raw.sh", lambda _: RecordingReader()),
}
"""The quickest to read first."""


def data_type_of(data_dir: str | Path) -> str:
    """Return the quickest data type that a directory has the table of; `feats` if it has none."""
    for name, kind in DATA_TYPES.items():
        if (Path(data_dir) / kind.table).is_file():
            return name
    return "feats"


def find_data_type(name: str) -> DataType:
    """The data type of a name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in DATA_TYPES:
        raise InputError(f"data type '{name}' is none of {', '.join(DATA_TYPES)}")
    return DATA_TYPES[name]
