"""Telephone speech: bandwidth and the values of the mu-law."""

import numpy as np
import pytest
import torch
from speech_sets import made_up_speech, tone

from moeasr.augment.augmentation import Speech
from moeasr.augment.codec import CodecConfig, through_mu_law
from moeasr.augment.mixing import power
from moeasr.errors import InputError


def sent(signal: torch.Tensor, **settings) -> torch.Tensor:
    codec = CodecConfig(**settings).build(made_up_speech())
    return codec.apply(Speech(signal, "", 0), np.random.default_rng(0)).signal


def test_frequencies_above_half_the_rate_vanish():
    """Far from the ends, where resampling mirrors nothing."""
    inner = slice(1000, 7000)
    high = sent(tone(8001, 6000), mu_law=False)
    assert len(high) == 8001 and power(high[inner]) < 1e-6 * power(tone(8001, 6000))
    low = sent(tone(8001, 1000), mu_law=False)
    assert torch.allclose(low[inner], tone(8001, 1000)[inner], atol=1e-3)


def test_a_rate_that_is_not_lower_changes_only_the_samples_values():
    signal = tone(500, 300)
    assert sent(signal, sample_rate_hz=48000, mu_law=False).equal(signal)
    assert sent(signal, sample_rate_hz=16000).equal(through_mu_law(signal))


def test_mu_law_has_256_values_and_an_error_relative_to_the_sample():
    samples = torch.linspace(-1, 1, 100_001, dtype=torch.float64)
    found = through_mu_law(samples)
    assert len(found.unique()) == 256
    # half of a step of ln(1 + mu |x|), which is 2 ln(256) / 255
    half_step = np.log(256) / 255
    bound = (1 / 255 + samples.abs()) * (np.exp(half_step) - 1)
    assert ((found - samples).abs() <= bound + 1e-12).all()
    assert found[0] == -1 and found[-1] == 1


def test_mu_law_clips():
    found = through_mu_law(torch.tensor([-3.0, 1.5]))
    assert torch.allclose(found, torch.tensor([-1.0, 1.0]))


def test_a_rate_out_of_range_is_refused():
    with pytest.raises(InputError, match="sample rate must be between 1000 and"):
        CodecConfig(sample_rate_hz=8)
