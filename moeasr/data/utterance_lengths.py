"""The lengths of utterances in feature frames, from `utt2num_frames` and from headers."""

from pathlib import Path

import numpy as np

from moeasr.data.data_type import UtteranceReader
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import Utterances
from moeasr.errors import InputError
from moeasr.logs import progress

TABLE = "utt2num_frames"


def listed_lengths(data_dir: Path, utterances: Utterances) -> np.ndarray:
    """(N,) int64: the frames of each utterance by `utt2num_frames`; -1 where it has no line.

    Raises:
        InputError: The table is malformed.
    """
    path = data_dir / TABLE
    if not path.is_file():
        return np.full(len(utterances), -1)
    table = Table(path)
    numbers = table.numbers()
    if (numbers < 0).any():
        utt_id, value = table[int(np.argmax(numbers < 0))]
        raise InputError(f"{path}: utterance {utt_id} has {value} frames; make it again")
    return np.append(numbers, -1)[table.rows_of(utterances.utt_ids)]


def measure_missing(
    lengths: np.ndarray, utterances: Utterances, reader: UtteranceReader
) -> np.ndarray:
    """(N,) int64: the lengths, with those that are -1 read from headers.

    Raises:
        InputError: An utterance cannot be measured; the message names it.
    """
    lengths, missing = lengths.copy(), np.flatnonzero(lengths < 0).tolist()
    for index in progress(missing, "measuring features", unit="utterances"):
        lengths[index] = reader.num_frames(utterances[index])
    return lengths
