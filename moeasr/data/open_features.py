"""The features of a data directory that is to be recognised: stored, or made of its audio."""

import dataclasses
from collections.abc import Callable

from torch import Tensor

from moeasr.data.audio_features import AudioFeatures
from moeasr.data.data_type import StoredFeatures, find_data_type
from moeasr.datadir.sources import Sources
from moeasr.features.fbank_config import FbankConfig


def open_features(
    sources: Sources, data_type: str, fbank: FbankConfig
) -> tuple[dict[str, int], Callable[[str], Tensor]]:
    """Length of each utterance in the order of the data directory, and how to get its features.

    Args:
        sources: The utterances.
        data_type: What they are, one of `DATA_TYPES`.
        fbank: How features are made of audio; there is no dither, so that recognition gives the
            same answer twice. Stored features must have as many bins.

    Returns:
        Utterance -> frames, and a function: utterance -> (T, F).

    Raises:
        InputError: Audio or an archive cannot be read, or stored features have another dimension;
            the sentence names the utterance.
    """
    kind = find_data_type(data_type)
    if kind.open_audio is None:
        stored = StoredFeatures(fbank.num_mel_bins)
        places = dict(sources)
        num_frames = {utt: stored.num_frames(source, utt) for utt, source in places.items()}
        return num_frames, lambda utt: stored.read(places[utt], utt)
    # Without stored features all are computed first: their lengths decide the batches.
    reader = AudioFeatures(kind.open_audio(False), dataclasses.replace(fbank, dither=0.0))
    feats = {utt: reader.read(source, utt) for utt, source in sources}
    return {utt: item.size(0) for utt, item in feats.items()}, feats.__getitem__
