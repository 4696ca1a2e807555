"""The data types of a set: stored features, single audio files, or shards of audio.

All data types give bit-identical features, and the same training for the same seed. They differ in
disk space and time. `feats` computes the features once and reads 32 kB per second of speech. `raw`
reads audio files and computes the features whenever they are read. `shard` does the same, but reads
a few thousand large files instead of a million small ones.
"""

import dataclasses
from collections.abc import Callable
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
from moeasr.datadir.utterance_labels import label_ids
from moeasr.datadir.utterances import Utterance, Utterances, open_recordings, open_utterances
from moeasr.errors import InputError
from moeasr.features.archive import FeatureReader
from moeasr.features.fbank_config import FbankConfig
from moeasr.labels import NO_LABELS, Labels
from moeasr.logs import get_logger
from moeasr.plurals import counted


class UtteranceReader(Protocol):
    """A reader of the features of utterances."""

    def num_frames(self, utterance: Utterance) -> int:
        """Return the number of frames T, from the header of the features or of the audio.

        Raises:
            InputError: The header cannot be read. The message names the utterance.
        """
        ...

    def read(self, utterance: Utterance) -> Tensor:
        """Return the features, (T, F) float32.

        Raises:
            InputError: They cannot be read or computed. The message names the utterance.
        """
        ...

    def read_signal(self, utterance: Utterance) -> Tensor:
        """Return the source of the features, which augmentation may change.

        It is (S,) samples at the sample rate of the features, or (T, F) stored features.

        Raises:
            InputError: It cannot be read. The message names the utterance.
        """
        ...

    def features_of(self, signal: Tensor, utt_id: str) -> Tensor:
        """Return the (T, F) features of a signal that `read_signal` returned, perhaps changed."""
        ...


class StoredFeatures:
    """A reader of the features that a feats.scp points to.

    Args:
        num_bins: Feature dimension F that is required; None accepts any.
    """

    def __init__(self, num_bins: int | None = None) -> None:
        self._archives = FeatureReader()
        self._num_bins = num_bins

    def num_frames(self, utterance: Utterance) -> int:
        """Return the number of frames T of an utterance, from the header of its features.

        Raises:
            InputError: The features are missing or damaged, or have another number of mel bins.
        """
        utt_id, entry = utterance.utt_id, utterance.entry
        num_frames, num_bins = self._archives.shape(entry, utt_id)
        if num_frames > 0 and self._num_bins not in (None, num_bins):
            raise InputError(
                f"features of utterance {utt_id} ({entry}) have {counted(num_bins, 'bin')}, "
                f"but {self._num_bins} are expected; compute the features of this set again"
            )
        return num_frames

    def read(self, utterance: Utterance) -> Tensor:
        """Return the features, (T, F) float32."""
        if self.num_frames(utterance) == 0 and self._num_bins is not None:
            return torch.zeros(0, self._num_bins)
        return self._archives.read(utterance.entry, utterance.utt_id)

    read_signal = read

    def features_of(self, signal: Tensor, utt_id: str) -> Tensor:
        """Return the features themselves."""
        return signal


@dataclass(frozen=True)
class DataType:
    """A way to store the features or audio of a set: the table, its reader, and the script for it.

    Attributes:
        table: Name of the table that contains the entries of the utterances.
        maker: The script that prepares a data directory of this type.
        open_audio: A function that creates a reader of the audio at these entries. Its argument
            says whether to fetch whole files (see `ShardReader`). None for stored features.
    """

    table: str
    maker: str
    open_audio: Callable[[bool], WaveformReader] | None = None

    @property
    def content(self) -> str:
        """The content of an entry in one word: "features" or "audio"."""
        return "features" if self.open_audio is None else "audio"

    def open(self, data_dir: str | Path, labels: Labels = NO_LABELS) -> Utterances:
        """Open the utterances of a data directory, and log a notice if reading them runs commands.

        Args:
            data_dir: A data directory with the table of this type. If it contains `segments`, the
                entries of a wav.scp are recordings.
            labels: The labels that the model distinguishes, such as languages, see `label_ids`.

        Raises:
            InputError: The directory does not exist, a table is missing or malformed, there is no
                utterance, or an utterance lacks a label that it needs.
        """
        data_dir = Path(data_dir)
        if not data_dir.is_dir():
            raise InputError(f"{data_dir}: no such directory")
        self.require(data_dir, self.table)
        if self.table != "wav.scp":
            utterances = open_utterances(data_dir / self.table)
        else:
            utterances = open_recordings(data_dir)
            notice = command_notice(data_dir / self.table, utterances.entries.items())
            if notice:
                get_logger(__name__).info(notice)
        ids = label_ids(data_dir, utterances.utt_ids, labels)
        return dataclasses.replace(utterances, languages=ids)

    def open_reader(self, data_dir: str | Path, whole_files: bool = False) -> UtteranceReader:
        """Return a reader of features with the settings stored in a data directory.

        Args:
            data_dir: A data directory of this type.
            whole_files: True to fetch whole files from shards (see `ShardReader`).

        Raises:
            InputError: The directory holds audio, but no feature settings.
        """
        has_settings = (Path(data_dir) / SETTINGS).is_file()
        if self.open_audio is None and not has_settings:
            return StoredFeatures()
        return self.make_reader(read_settings(data_dir), whole_files)

    def make_reader(self, fbank: FbankConfig, whole_files: bool = False) -> UtteranceReader:
        """Return a reader of features with the given settings.

        Args:
            fbank: The settings.
            whole_files: True to fetch whole files from shards (see `ShardReader`).
        """
        if self.open_audio is None:
            return StoredFeatures(fbank.num_mel_bins)
        return AudioFeatures(self.open_audio(whole_files), fbank)

    def require(self, data_dir: Path, name: str) -> None:
        """Raise `InputError` unless a data directory contains a file that this type needs."""
        if not (data_dir / name).is_file():
            raise InputError(f"{data_dir} has no {name}; create it with {self.maker}")


DATA_TYPES = {
    "feats": DataType("feats.scp", "utils/make_fbank.sh"),
    "shard": DataType("shards.scp", "utils/make_shards.sh", ShardReader),
    "raw": DataType("wav.scp", "utils/make_raw.sh", lambda _: RecordingReader()),
}
"""The data types by name, the fastest to read first."""


def data_type_of(data_dir: str | Path) -> str:
    """Return the fastest data type whose table a directory contains; `feats` if it has none."""
    for name, kind in DATA_TYPES.items():
        if (Path(data_dir) / kind.table).is_file():
            return name
    return "feats"


def find_data_type(name: str) -> DataType:
    """Return the data type with a name.

    Raises:
        InputError: No data type has this name.
    """
    if name not in DATA_TYPES:
        raise InputError(f"the data type must be one of {', '.join(DATA_TYPES)}, but is '{name}'")
    return DATA_TYPES[name]
