"""Samples given as arrays, tensors and lists."""

import numpy as np
import pytest
import torch

from moeasr.audio.arrays import check_sample_rate, is_number, read_samples, to_waveform
from moeasr.errors import InputError

WAVE = np.array([0.0, 0.5, -0.25, 0.125])


@pytest.mark.parametrize(
    "samples",
    [
        WAVE,
        WAVE.astype(np.float32),
        WAVE.astype(np.float16),
        WAVE.astype(">f8"),
        (WAVE * 2**15).astype(np.int16),
        (WAVE * 2**15).astype(">i2"),
        (WAVE * 2**31).astype(np.int32),
        (WAVE * 2**7 + 128).astype(np.uint8),
        WAVE[:, None],
        np.stack([WAVE + 0.25, WAVE - 0.25], axis=1),
        np.repeat(WAVE, 2)[::2],
        WAVE[::-1].copy()[::-1],
        WAVE.tolist(),
        tuple(WAVE),
        [torch.tensor(value) for value in WAVE],
        torch.tensor(WAVE),
        torch.tensor(WAVE, dtype=torch.bfloat16),
        torch.tensor(WAVE, requires_grad=True),
        torch.tensor(WAVE * 2**15).to(torch.int16),
    ],
)
def test_all_types_of_audio_give_the_same_samples(samples):
    waveform = to_waveform(samples)
    assert waveform.dtype == np.float32
    assert waveform.tolist() == WAVE.tolist()


@pytest.mark.parametrize("empty", [[], np.zeros(0), np.zeros((0, 2)), torch.zeros(0), np.array([])])
def test_no_samples(empty):
    assert to_waveform(empty).shape == (0,)
    with pytest.raises(InputError, match="^the recording contains no samples$"):
        read_samples(empty, 16000)


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (
            [0.0, float("nan"), 0.0],
            "contains NaN, infinity or an absurdly large value: sample 1",
        ),
        (np.array([[0, 0], [0, np.inf]]), "an absurdly large value: sample 1 is inf"),
        (np.array([1e300]), "an absurdly large value: sample 0 is inf"),
        (WAVE * 2**15, "samples of up to 16384, but floating-point samples lie in"),
        ([0, 100, -3], "samples of type int64, but samples must be floating-point numbers"),
        (np.zeros(4, bool), "samples of type bool, but"),
        (np.zeros(4, complex), "samples of type complex128, but"),
        (["a", "b"], "samples of type str"),
        (np.zeros((2, 16000)), r"the shape \(2, 16000\), which looks like \(channels, samples\)"),
        (np.zeros((1, 2, 3)), r"but it has the shape \(1, 2, 3\)"),
        (0.5, "but it is a float"),
        (None, "but it is a NoneType"),
        (b"RIFF", "but it is a bytes"),
        ({"array": [0.0]}, "but it is a dict"),
        ([[0.0, 0.1], [0.2]], "which NumPy cannot read as an array of numbers"),
    ],
)
def test_what_is_not_audio_is_refused_in_one_sentence(samples, sentence):
    with pytest.raises(InputError, match=sentence) as refusal:
        to_waveform(samples, "recording 2")
    assert str(refusal.value).startswith("recording 2 ")
    assert "\n" not in str(refusal.value)


def test_a_little_above_full_scale_is_audio():
    assert to_waveform([1.5, -3.0]).tolist() == [1.5, -3.0]


def test_samples_come_with_their_rate():
    waveform, rate_hz = read_samples(WAVE, 16000.0)
    assert (waveform.tolist(), rate_hz) == (WAVE.tolist(), 16000)
    assert isinstance(rate_hz, int)


@pytest.mark.parametrize(
    ("rate_hz", "sentence"),
    [
        (None, "samples need their sample rate in Hz, such as `sample_rate=16000`"),
        (16, "the sample rate must be between 1000 and 1000000 Hz, but is 16"),
        (22050.5, "`sample_rate` must be a whole number of Hz, but is 22050.5"),
        (float("inf"), "`sample_rate` must be a whole number of Hz, but is inf"),
        ("16000", "`sample_rate` must be a whole number of Hz, but is '16000'"),
    ],
)
def test_rates_that_are_none(rate_hz, sentence):
    with pytest.raises(InputError, match=sentence):
        check_sample_rate(rate_hz)


def test_what_is_one_sample():
    assert all(map(is_number, [1, 0.5, np.float32(1), np.array(1), torch.tensor(1)]))
    assert not any(map(is_number, ["1", [1], np.array([1]), torch.tensor([1]), None]))


def test_16_bit_samples_in_int32_are_no_silence():
    """Division by 2^31 would leave nothing that can be heard."""
    loud = np.array([100, -32768, 5], np.int32)
    with pytest.raises(InputError, match="^the recording has int32 samples in the range of int16"):
        read_samples(loud, 16000)
    quiet = np.array([[256, -512], [0, 1024]], np.int32)  # 24 bits in 32
    for samples in (loud * 65536, quiet, np.zeros(3, np.int32)):
        assert read_samples(samples, 16000)[0].shape == samples.shape[:1]
