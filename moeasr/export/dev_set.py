"""The utterances on which an export is checked; one becomes the example of the model folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import data_type_of, find_data_type
from moeasr.data.feature_settings import SETTINGS
from moeasr.data.recognition_features import recognition_features
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import Utterances, open_recordings
from moeasr.decode.recognizer import Recognizer


@dataclass(frozen=True)
class DevSet:
    """The first utterances of a data directory: features, transcripts and audio."""

    name: str
    """Name of the directory."""
    feats: list[tuple[str, np.ndarray]]
    """Ids and features (T, F)."""
    references: dict[str, str]
    """Transcripts by id."""
    audio_sec: float
    """Duration of the utterances, from their numbers of frames."""
    recordings: Utterances | None
    """Places of the audio; None if there is no wav.scp."""
    sample_rate_hz: int
    """Rate to which the audio is resampled, Hz."""

    def waveforms(self) -> Iterator[tuple[str, np.ndarray]]:
        """Read the audio: yield ids and samples (S,) in [-1, 1]; nothing without a wav.scp."""
        if self.recordings is not None:
            for utt, samples, _ in read_waveforms(self.recordings, self.sample_rate_hz):
                yield utt, samples.numpy()

    def example(self) -> tuple[str, np.ndarray] | None:
        """Return the first transcript that is not empty, with its samples; None without audio."""
        for utt, samples in self.waveforms():
            if self.references[utt]:
                return self.references[utt], samples
        return None


def read_dev_set(data_dir: str | Path, recognizer: Recognizer, max_utts: int) -> DevSet:
    """Read the features of the first utterances of a data directory.

    Raises:
        InputError: The directory is empty or lacks `text`, or a file cannot be read.
    """
    data_dir = Path(data_dir)
    data_type = data_type_of(data_dir)
    utterances = find_data_type(data_type).open(data_dir, recognizer.labels)
    utterances = utterances.select(np.arange(min(max_utts, len(utterances))))
    utterances = utterances.with_texts(Table(data_dir / "text"))
    utterances.require_transcripts()
    if data_type == "feats":
        recognizer.check_fbank(data_dir / SETTINGS)
    _, read = recognition_features(data_dir, utterances, data_type, recognizer.fbank)
    references = {utterance.utt_id: utterance.text for utterance in utterances}
    feats = [(utt, read(index).numpy()) for index, utt in enumerate(references)]
    frames = sum(len(utt_feats) for _, utt_feats in feats)
    return DevSet(
        name=data_dir.resolve().name,
        feats=feats,
        references=references,
        audio_sec=frames * recognizer.fbank.frame_shift_sec,
        recordings=_recordings(data_dir, utterances.utt_ids),
        sample_rate_hz=recognizer.fbank.sample_rate_hz,
    )


def _recordings(data_dir: Path, utt_ids: np.ndarray) -> Utterances | None:
    """Return the places of the audio of utterances, if the directory has any.

    Args:
        data_dir: The data directory.
        utt_ids: (N,) ids in bytes.
    """
    if not (data_dir / "wav.scp").is_file():
        return None
    utterances = open_recordings(data_dir)
    indices = utterances.indices_of(utt_ids)
    return utterances.select(np.sort(indices[indices >= 0]))
