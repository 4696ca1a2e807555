"""The features of a data directory that is to be recognised: stored, or made of its audio."""

from collections.abc import Callable

from torch import Tensor

from moeasr.data.archive import FeatureReader
from moeasr.data.datadir import DataDir
from moeasr.data.waveforms import read_waveforms
from moeasr.features.fbank import FbankConfig, compute_fbank


def open_features(
    data: DataDir, fbank: FbankConfig
) -> tuple[dict[str, int], Callable[[str], Tensor]]:
    """Length of each utterance in the order of the data directory, and how to get its features.

    Args:
        data: With `feats.scp`, whose settings nobody checks here, or with `wav.scp`.
        fbank: How features are made of audio.

    Returns:
        Utterance -> frames, and a function: utterance -> (T, F).

    Raises:
        InputError: Audio or an archive cannot be read; the sentence names the utterance.
    """
    if data.has("feats.scp"):
        stored = FeatureReader()
        num_frames = {utt: stored.num_frames(entry, utt) for utt, entry in data.feats.items()}
        return num_frames, lambda utt: stored.read(data.feats[utt], utt)
    # Without stored features all are computed first: their lengths decide the batches.
    waveforms = read_waveforms(data, fbank.sample_rate_hz)
    feats = {utt: compute_fbank(waveform, fbank) for utt, waveform in waveforms}
    return {utt: item.size(0) for utt, item in feats.items()}, feats.__getitem__
