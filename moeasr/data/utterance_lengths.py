"""The lengths of utterances in feature frames, from `utt2num_frames` and headers."""

from pathlib import Path

import numpy as np

from moeasr.data.data_type import UtteranceReader
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import Utterance, Utterances
from moeasr.errors import InputError
from moeasr.logs import progress
from moeasr.plurals import counted

TABLE = "utt2num_frames"
MAX_FRAMES = np.iinfo(np.int32).max
"""Largest number of frames that is kept; every limit of lengths is smaller."""


def listed_lengths(data_dir: Path, utterances: Utterances) -> np.ndarray:
    """Return the (N,) int32 frame counts in `utt2num_frames`; -1 for an utterance without a line.

    Raises:
        InputError: The table is malformed.
    """
    path = data_dir / TABLE
    if not path.is_file():
        return np.full(len(utterances), -1, np.int32)
    table = Table(path)
    numbers = table.numbers()
    if (numbers < 0).any():
        utt_id, value = table[int(np.argmax(numbers < 0))]
        raise InputError(f"{path}: utterance {utt_id} has {value} frames; make this table again")
    numbers = np.append(np.minimum(numbers, MAX_FRAMES), -1).astype(np.int32)
    return numbers[table.rows_of(utterances.utt_ids)]


def measure_missing(
    lengths: np.ndarray, utterances: Utterances, reader: UtteranceReader
) -> np.ndarray:
    """Return (N,) int32 lengths, in which each -1 is replaced by the length in a header.

    Raises:
        InputError: The length of an utterance cannot be read. The message names the utterance.
    """
    missing = np.flatnonzero(lengths < 0).tolist()
    lengths = lengths.copy()
    for index in progress(missing, "measuring features", unit="utterances"):
        lengths[index] = reader.num_frames(utterances[index])
    return lengths


def check_num_frames(num_frames: int, utterance: Utterance) -> None:
    """Raise `InputError` unless the features of an utterance have the listed number of frames.

    Args:
        num_frames: Number of frames of its features.
        utterance: The utterance, with the number of frames in `utt2num_frames`.
    """
    if num_frames != utterance.num_frames:
        raise InputError(
            f"features of utterance {utterance.utt_id} have {counted(num_frames, 'frame')}, but "
            f"utt2num_frames says {utterance.num_frames}; prepare the set again (stage 1)"
        )
