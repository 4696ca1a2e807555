"""The features of a data directory to decode, stored or computed from its audio."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from moeasr.data.data_type import find_data_type
from moeasr.data.utterance_lengths import listed_lengths, measure_missing
from moeasr.datadir.utterances import Utterances
from moeasr.features.fbank_config import FbankConfig


def recognition_features(
    data_dir: str | Path, utterances: Utterances, data_type: str, fbank: FbankConfig
) -> tuple[np.ndarray, Callable[[int], Tensor]]:
    """Return the expected length of each utterance's features, and a function that reads them.

    Args:
        data_dir: The data directory. Lengths are taken from its `utt2num_frames`. Lengths that are
            missing there are taken from the headers of features or audio.
        utterances: The utterances of the directory.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.
        fbank: Settings of features that are computed from audio. Dither is disabled, so that
            decoding is deterministic. Stored features must have the same number of bins.

    Returns:
        (N,) int64 numbers of frames, and a function from the index of an utterance to its (T, F)
        features. Use the numbers only to plan batches: a directory written by another toolkit may
        list lengths that differ from T.

    Raises:
        InputError: A length is neither listed nor can be measured. The message names the utterance.
            The function raises it if features cannot be read or have another number of bins.
    """
    reader = find_data_type(data_type).make_reader(dataclasses.replace(fbank, dither=0.0))
    lengths = measure_missing(listed_lengths(Path(data_dir), utterances), utterances, reader)
    return lengths, lambda index: reader.read(utterances[index])
