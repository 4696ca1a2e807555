"""Convolution with impulse responses, against a slow loop, and computed rooms."""

import numpy as np
import pytest
import torch
from speech_sets import RATE_HZ, MadeUpSpeech, made_up_speech, tone, write_sound

from moeasr.augment.mixing import power
from moeasr.augment.reverberation import ReverbConfig, made_response, reverberate
from moeasr.errors import InputError


def slow(signal: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Convolve by definition, from the strongest sample of the response on."""
    response = response[int(response.abs().argmax()) :]
    found = torch.zeros_like(signal)
    for n in range(len(signal)):
        for k in range(min(n + 1, len(response))):
            found[n] += response[k] * signal[n - k]
    return found * (signal.square().mean() / found.square().mean()).sqrt()


@pytest.mark.parametrize(("num_samples", "length"), [(50, 7), (33, 33), (20, 60), (1, 5), (64, 1)])
def test_reverberation_is_the_convolution(num_samples, length):
    """Also with a response that is longer than the utterance."""
    generator = torch.Generator().manual_seed(length)
    signal = torch.randn(num_samples, dtype=torch.float64, generator=generator)
    response = torch.randn(length, dtype=torch.float64, generator=generator)
    found = reverberate(signal, response)
    assert torch.allclose(found, slow(signal, response), rtol=1e-12, atol=1e-12)
    assert power(found) == pytest.approx(power(signal), rel=1e-12)


def test_the_result_is_not_delayed():
    signal = tone(800, 500, torch.float64)
    response = torch.zeros(400, dtype=torch.float64)
    response[300] = -0.3
    assert torch.allclose(reverberate(signal, response), -signal, rtol=1e-12, atol=1e-12)
    assert torch.equal(reverberate(signal, torch.zeros(9)), signal)


@pytest.mark.parametrize("direct_db", [-3.0, 10.0])
def test_a_computed_room_has_the_decay_and_the_direct_sound_that_are_asked_for(direct_db):
    rng = np.random.default_rng(0)
    response = made_response(0.5, direct_db, RATE_HZ, rng).double()
    assert len(response) == 8000 and response[0] == 1 == response.abs().max()
    assert not response[1:33].any()  # 2 ms
    assert float(response[1:].square().sum()) == pytest.approx(10 ** (-direct_db / 10), rel=1e-5)
    early, late = (float(response[a : a + 1000].square().sum()) for a in (1000, 5000))
    # 4000 samples are half of the time for 60 dB; 1000 squares of noise are within 20 %
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5)


def test_a_very_short_room_and_a_low_rate_are_computed():
    assert len(made_response(0.01, 0.0, 1000, np.random.default_rng(0))) == 10


def test_impulse_responses_come_from_a_directory(tmp_path):
    response = torch.tensor([0.0, 1.0, 0.0, 0.5])
    write_sound(tmp_path / "room.wav", response)
    speech_set = made_up_speech()
    config = ReverbConfig(source=str(tmp_path))
    speech = speech_set.read(2)
    found = config.build(speech_set).apply(speech, np.random.default_rng(0))
    assert torch.equal(found.signal, reverberate(speech.signal, response))


def test_a_response_longer_than_every_utterance_is_refused(tmp_path):
    """It is a recording of something else."""
    write_sound(tmp_path / "room.wav", torch.ones(9000))
    message = r"room\.wav is 0.56 s long, longer than every utterance \(up to 0.50 s\); remove it"
    with pytest.raises(InputError, match=message):
        ReverbConfig(source=str(tmp_path)).build(made_up_speech(1))


def test_utterances_shorter_than_a_response_are_counted(tmp_path, caplog):
    write_sound(tmp_path / "room.wav", torch.ones(1000))
    speech_set = MadeUpSpeech([tone(n, 300) for n in (500, 999, 1000, 2000)])
    with caplog.at_level("INFO"):
        ReverbConfig(source=str(tmp_path)).build(speech_set)
    assert "2 utterances are shorter than the longest impulse response (0.06 s)" in caplog.text
