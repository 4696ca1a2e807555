"""Filter banks computed when an utterance is read."""

import pytest
import torch

from moeasr.audio.probe import AudioInfo
from moeasr.data import audio_features
from moeasr.data.audio_features import AudioFeatures, one_thread, utterance_fbank
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig

FBANK = FbankConfig(num_mel_bins=20)


class Noise:
    """A reader that returns one second of noise at 8 kHz for any entry but `gone`."""

    def __init__(self):
        self.measured = []
        self.samples = torch.randn(8000, generator=torch.Generator().manual_seed(1)) / 10

    def read(self, entry, start_sec=None, end_sec=None):
        if entry == "gone":
            raise InputError("gone does not exist")
        start = round((start_sec or 0) * 8000)
        return self.samples[start : None if end_sec is None else round(end_sec * 8000)], 8000

    def measure(self, entry):
        self.measured.append(entry)
        if entry == "gone":
            raise InputError("gone does not exist")
        return AudioInfo(8000, 8000)


def utterance(utt_id, entry, *times):
    return Utterance(utt_id, None, "", entry, *times)


def test_lengths_by_the_header_are_those_of_the_features():
    reader = Noise()
    features = AudioFeatures(reader, FBANK)
    for part, num_frames in [
        (utterance("a", "x"), 100),
        (utterance("b", "x", 0.25, 0.75), 50),
        (utterance("c", "y", 0.5, None), 50),
    ]:
        assert features.num_frames(part) == len(features.read(part)) == num_frames
    assert reader.measured == ["x", "y"]  # once for all segments of a recording


def test_only_so_many_recordings_are_remembered(monkeypatch):
    monkeypatch.setattr(audio_features, "MAX_MEASURED", 2)
    reader = Noise()
    features = AudioFeatures(reader, FBANK)
    for entry in "xyzx":
        features.num_frames(utterance("u", entry))
    assert reader.measured == ["x", "y", "z", "x"]


def test_features_are_those_of_the_resampled_samples():
    found = AudioFeatures(Noise(), FbankConfig(sample_rate_hz=8000, high_freq_hz=0.0)).read(
        utterance("a", "x", 0.25, 0.5)
    )
    config = FbankConfig(sample_rate_hz=8000, high_freq_hz=0.0)
    assert torch.equal(found, compute_fbank(Noise().samples[2000:4000], config))


def test_dither_is_of_the_utterance_and_the_seed_alone():
    config = FbankConfig(dither=1.0)

    def dithered(utt_id: str, seed: int) -> torch.Tensor:
        return utterance_fbank(torch.zeros(1600), 16000, config, utt_id, seed)

    keys = [("a", 0), ("b", 0), ("a", 1)]
    first = [dithered(*key) for key in keys]
    for one, key in zip(first, keys):
        assert torch.equal(dithered(*key), one)
        assert sum(torch.equal(one, other) for other in first) == 1


def test_what_cannot_be_read_is_named_with_its_utterance():
    features = AudioFeatures(Noise(), FBANK)
    for read in (features.read, features.num_frames):
        with pytest.raises(InputError, match="^utterance a: gone does not exist$"):
            read(utterance("a", "gone"))


def test_the_number_of_threads_comes_back():
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
