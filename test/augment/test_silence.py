"""Silence before and after an utterance."""

import math

import numpy as np
import pytest
import torch
from speech_sets import made_up_speech

from moeasr.augment.mixing import power
from moeasr.augment.silence import SilenceConfig


@pytest.mark.parametrize(("leading_sec", "trailing_sec"), [(0.25, 0.0), (0.0, 0.5), (0.1, 0.2)])
def test_lengths_and_level_are_as_drawn(leading_sec, trailing_sec):
    config = SilenceConfig(
        leading_sec=(leading_sec, leading_sec),
        trailing_sec=(trailing_sec, trailing_sec),
        snr_db=(30.0, 30.0),
    )
    speech_set = made_up_speech()
    speech = speech_set.read(0)
    signal = config.build(speech_set).apply(speech, np.random.default_rng(0)).signal
    start, num_after = round(16000 * leading_sec), round(16000 * trailing_sec)
    assert len(signal) == start + 8000 + num_after
    assert torch.equal(signal[start : start + 8000], speech.signal)
    silence = torch.cat([signal[:start], signal[start + 8000 :]])
    ratio_db = 10 * math.log10(power(speech.signal) / power(silence))
    # the power of n samples of noise is within 5 sqrt(2 / n)
    assert ratio_db == pytest.approx(30, abs=10 * math.log10(1 + 5 * math.sqrt(2 / len(silence))))
