"""The features of a data directory that is to be recognised: stored, or made of its audio."""

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
    """Return how long the features of each utterance should be, and a function that reads them.

    Args:
        data_dir: The data directory. Its `utt2num_frames` tells lengths, if there is one; headers
            of features or audio tell those that it lacks.
        utterances: The utterances of the directory.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.
        fbank: How features are made of audio. There is no dither, so that recognition gives the
            same answer twice. Stored features must have as many bins.

    Returns:
        (N,) int64 frames, to plan batches by: a directory of another toolkit may list other
        lengths than its features have. And a function: index of an utterance -> (T, F).

    Raises:
        InputError: A length is neither listed nor can it be measured; the message names the
            utterance. The function raises it if features cannot be read, or have other bins.
    """
    reader = find_data_type(data_type).make_reader(dataclasses.replace(fbank, dither=0.0))
    lengths = measure_missing(listed_lengths(Path(data_dir), utterances), utterances, reader)
    return lengths, lambda index: reader.read(utterances[index])
