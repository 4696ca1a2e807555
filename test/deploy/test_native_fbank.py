"""Features without torch, against those of training."""

import numpy as np
import pytest
import torch

from moeasr.deploy.native_fbank import NativeFbank, native_fbank
from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig

pytest.importorskip("kaldi_native_fbank")
NOISE = (0.1 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"snip_edges": True},
        {"sample_rate_hz": 8000, "high_freq_hz": -200.0, "num_mel_bins": 40},
        {"window_type": "hamming", "frame_shift_ms": 12.5},
        {"window_type": "blackman"},
        {"window_type": "hanning", "frame_length_ms": 20.0},
        {"window_type": "rectangular"},
    ],
)
def test_features_equal_those_of_training(settings):
    config = FbankConfig(**settings)
    for num_samples in (0, 1, 79, 80, 199, 200, 399, 400, 401, 560, 16000):
        expected = compute_fbank(torch.from_numpy(NOISE[:num_samples]), config).numpy()
        found = native_fbank(NOISE[:num_samples], config)
        assert found.shape == expected.shape and found.dtype == np.float32
        # a rectangular window leaves little energy in some bins, and so few digits
        limit = 5e-3 if config.window_type == "rectangular" else 1e-3
        assert np.abs(found - expected).max(initial=0.0) < limit
    assert np.allclose(native_fbank(np.zeros(800), config), -15.942385)


@pytest.mark.parametrize("packet", [1, 100, 1601])
def test_features_do_not_depend_on_the_packets(packet):
    fbank, samples = NativeFbank(FbankConfig()), NOISE[:4000]
    parts = [fbank.accept(samples[i : i + packet]) for i in range(0, len(samples), packet)]
    assert sum(map(len, parts)) == 24  # the last frame waits for the end of the signal
    whole = np.concatenate([*parts, fbank.finish()])
    assert np.array_equal(whole, native_fbank(samples, FbankConfig()))


def test_more_filters_than_the_window_has_bins_are_refused():
    with pytest.raises(InputError, match=r"windows of 25 ms, use less than 128 filters \(`num_mel"):
        NativeFbank(FbankConfig(num_mel_bins=128))


def test_nan_and_further_samples_after_the_end_are_refused():
    with pytest.raises(InputError, match="^the audio contains NaN or infinity$"):
        native_fbank(np.array([0.0, np.nan]), FbankConfig())
    fbank = NativeFbank(FbankConfig())
    fbank.finish()
    with pytest.raises(InputError, match="accepts no more audio"):
        fbank.accept(NOISE)
    with pytest.raises(InputError, match="has already ended"):
        fbank.finish()
