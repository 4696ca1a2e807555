"""Features computed piece by piece equal the features of the whole signal."""

import pytest
import torch
from rounding import FBANK_STEPS, assert_close, log_mel_scale

from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig
from moeasr.features.online_fbank import OnlineFbank

CONFIGS = {
    "sherpa": FbankConfig(),
    "wenet": FbankConfig(snip_edges=True, high_freq_hz=0.0),
    "8 kHz": FbankConfig(sample_rate_hz=8000, high_freq_hz=3800.0, frame_length_ms=20.0),
    "far apart": FbankConfig(frame_length_ms=10.0, frame_shift_ms=15.0),
    "odd": FbankConfig(sample_rate_hz=11025, high_freq_hz=5000.0),  # windows of 275 samples
}


def speech(num_samples):
    return torch.randn(num_samples, generator=torch.Generator().manual_seed(num_samples)) * 0.1


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("piece", [1, 50, 160, 1000, 5000])
@pytest.mark.parametrize("num_samples", [0, 1, 79, 81, 160, 250, 401, 2345])
def test_pieces_equal_the_whole(name, num_samples, piece):
    config, waveform = CONFIGS[name], speech(num_samples)
    online = OnlineFbank(config)
    frames = [online.accept(part) for part in waveform.split(piece)] if num_samples else []
    together = torch.cat([*frames, online.finish()])
    whole = compute_fbank(waveform, config)
    assert_close(together, whole, FBANK_STEPS, log_mel_scale(whole))


def test_a_frame_comes_as_soon_as_its_window_is_full():
    online = OnlineFbank(FbankConfig())  # 400 samples around 80, 240, ...
    assert len(online.accept(speech(279))) == 0
    assert len(online.accept(speech(1))) == 1
    assert len(online.accept(speech(159))) == 0
    assert len(online.accept(speech(161))) == 2
    assert len(online.finish()) == 1  # 600 samples: 4 frames


def test_it_remembers_less_than_a_window_between_frames():
    online = OnlineFbank(FbankConfig())
    sizes = set()
    for _ in range(50):
        online.accept(speech(1600))
        sizes.add(online._samples.numel())
    assert max(sizes) <= 400  # a whole window would have become a frame


def test_nothing_comes_after_the_end():
    online = OnlineFbank(FbankConfig())
    online.finish()
    with pytest.raises(InputError, match="has ended"):
        online.accept(speech(10))
    with pytest.raises(InputError, match="already ended"):
        online.finish()
