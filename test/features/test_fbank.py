"""Filter banks against kaldi-native-fbank, which is Kaldi's own code in C++."""

import kaldi_native_fbank as knf
import numpy as np
import pytest
import torch
from rounding import FBANK_STEPS, assert_close, log_mel_scale

from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames
from moeasr.features.online_fbank import OnlineFbank

NARROW = {"sample_rate_hz": 8000, "num_mel_bins": 40, "high_freq_hz": -200.0}


def kaldi_fbank(waveform: torch.Tensor, config: FbankConfig) -> torch.Tensor:
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = config.sample_rate_hz
    options.frame_opts.snip_edges = config.snip_edges
    options.frame_opts.window_type = config.window_type
    options.frame_opts.frame_shift_ms = config.frame_shift_ms
    options.frame_opts.frame_length_ms = config.frame_length_ms
    options.mel_opts.num_bins = config.num_mel_bins
    options.mel_opts.low_freq = config.low_freq_hz
    options.mel_opts.high_freq = config.high_freq_hz
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(config.sample_rate_hz, (waveform * 32768).tolist())
    fbank.input_finished()
    frames = [fbank.get_frame(i) for i in range(fbank.num_frames_ready)]
    return torch.from_numpy(np.stack(frames)) if frames else torch.zeros(0, config.num_mel_bins)


def noise(num_samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(num_samples)
    return 0.1 * torch.randn(num_samples, generator=generator)


@pytest.mark.parametrize("snip_edges", [False, True])
@pytest.mark.parametrize("num_samples", [1, 79, 80, 81, 239, 399, 400, 560, 4000, 16079, 16080])
def test_equals_kaldi_at_every_length(num_samples: int, snip_edges: bool) -> None:
    config = FbankConfig(snip_edges=snip_edges)
    expected = kaldi_fbank(noise(num_samples), config)
    feats = compute_fbank(noise(num_samples), config)
    assert feats.dtype == torch.float32
    assert num_fbank_frames(num_samples, config) == len(expected)
    assert_close(feats, expected, FBANK_STEPS, log_mel_scale(expected))


@pytest.mark.parametrize(
    "settings",
    [
        NARROW,
        {"sample_rate_hz": 44100, "high_freq_hz": 0.0},
        {"frame_shift_ms": 12.5, "frame_length_ms": 50.0, "window_type": "hamming"},
        {"num_mel_bins": 23, "low_freq_hz": 100.0, "high_freq_hz": 4000.0},
        {"frame_shift_ms": 30.0, "frame_length_ms": 20.0},
    ],
)
def test_equals_kaldi_at_other_settings(settings: dict) -> None:
    config = FbankConfig(**settings)
    expected = kaldi_fbank(noise(9001), config)
    feats = compute_fbank(noise(9001), config)
    assert_close(feats, expected, FBANK_STEPS, log_mel_scale(expected))


def test_silence_is_the_logarithm_of_epsilon() -> None:
    feats = compute_fbank(torch.zeros(1600), FbankConfig())
    assert feats.shape == (10, 80)
    assert_close(feats, torch.full((10, 80), float(np.log(2.0**-23))), 1)


def test_less_than_half_a_shift_is_no_frame_of_any_width() -> None:
    assert compute_fbank(torch.zeros(79), FbankConfig(num_mel_bins=23)).shape == (0, 23)


def test_the_waveform_is_left_alone() -> None:
    waveform = noise(1000)
    compute_fbank(waveform, FbankConfig(dither=1.0), torch.Generator().manual_seed(0))
    assert torch.equal(waveform, noise(1000))


def test_dither_comes_from_the_generator_and_from_nowhere_else() -> None:
    config = FbankConfig(dither=1.0)
    silence = torch.zeros(8000)

    def dithered(seed: int) -> torch.Tensor:
        return compute_fbank(silence, config, torch.Generator().manual_seed(seed))

    assert torch.equal(compute_fbank(silence, config), compute_fbank(silence, FbankConfig()))
    assert torch.equal(dithered(1), dithered(1))
    assert not torch.equal(dithered(1), dithered(2))
    # unit noise on the 16-bit scale: what sherpa-onnx gives on silence, -2.7 in the lowest bin
    # and 8.4 in the highest
    mean = dithered(1).mean(0)
    assert mean[0].item() == pytest.approx(-2.7, abs=1.0)
    assert mean[79].item() == pytest.approx(8.4, abs=0.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_samples_that_are_not_finite_are_refused(value: float) -> None:
    waveform = torch.zeros(1000)
    waveform[500] = value
    with pytest.raises(InputError, match="the audio contains NaN or infinity"):
        compute_fbank(waveform, FbankConfig())
    with pytest.raises(InputError, match="the audio contains NaN or infinity"):
        OnlineFbank(FbankConfig()).accept(waveform)
