"""Babble of the other utterances, and of recordings."""

import math

import numpy as np
import pytest
import torch
from speech_sets import MadeUpSpeech, made_up_speech, tone, write_sound

from moeasr.augment.augmentation import Speech
from moeasr.augment.babble import BabbleConfig
from moeasr.augment.mixing import power
from moeasr.errors import InputError


def babble(config: BabbleConfig, speech_set: MadeUpSpeech, index: int, seed: int) -> torch.Tensor:
    speech = speech_set.read(index)
    found = config.build(speech_set).apply(speech, np.random.default_rng(seed))
    return found.signal.double() - speech.signal.double()


def test_the_snr_is_as_drawn():
    speech_set = made_up_speech()
    found = babble(BabbleConfig(snr_db=(10.0, 10.0)), speech_set, 1, 0)
    ratio = power(speech_set.read(1).signal) / power(found)
    assert 10 * math.log10(ratio) == pytest.approx(10, abs=1e-3)


@pytest.mark.parametrize("index", range(3))
def test_the_talkers_are_all_other_utterances(index):
    """Each utterance is a tone of its own frequency."""
    frequencies = [400, 800, 1200]
    speech_set = MadeUpSpeech([tone(16000, frequency) for frequency in frequencies])
    config = BabbleConfig(talkers=(1, 1))
    heard = set()
    for seed in range(20):
        spectrum = torch.fft.rfft(babble(config, speech_set, index, seed)).abs()
        heard.add(int(spectrum.argmax()))
    assert heard == set(frequencies) - {frequencies[index]}


def test_talkers_are_equally_loud():
    speech_set = MadeUpSpeech([tone(16000, 300), tone(16000, 600), 50 * tone(16000, 900)])
    config = BabbleConfig(talkers=(40, 40))
    spectrum = torch.fft.rfft(babble(config, speech_set, 0, 0)).abs()
    assert 0.1 < spectrum[600] / spectrum[900] < 10


def test_the_number_of_talkers_varies():
    """Recordings of one tone: n talkers in random phases."""
    reads = []

    class Counting(MadeUpSpeech):
        def read(self, index: int) -> Speech:
            reads.append(index)
            return super().read(index)

    speech_set = Counting([tone(400, 300)] * 3)
    counts = set()
    for seed in range(40):
        reads.clear()
        babble(BabbleConfig(talkers=(2, 4)), speech_set, 0, seed)
        counts.add(len(reads) - 1)
    assert counts == {2, 3, 4}


def test_talkers_may_come_from_a_directory(tmp_path):
    write_sound(tmp_path / "speech" / "a.wav", tone(9000, 440))
    for name in ("music", "noise"):
        write_sound(tmp_path / name / "a.wav", tone(9000, 2000))
    config = BabbleConfig(source=str(tmp_path), talkers=(1, 1))
    spectrum = torch.fft.rfft(babble(config, made_up_speech(1), 0, 0)).abs()
    assert int(spectrum.argmax()) == 440 * 8000 // 16000


def test_a_single_utterance_has_no_background():
    with pytest.raises(InputError, match="needs at least two utterances, but the set has 1$"):
        BabbleConfig().build(made_up_speech(1))
