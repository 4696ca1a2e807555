"""The `perturb-speed` command, which changes the speed of audio in a pipe."""

from pipes import SAMPLES, pcm_of

import pytest
import torch

from moeasr.audio.perturb import perturb_speed
from moeasr.bin.perturb_speed import main
from moeasr.errors import InputError


def test_speed_1_keeps_the_samples(tmp_path, capfdbinary):
    assert pcm_of(main, "1", tmp_path, capfdbinary) == SAMPLES.tolist()


def test_another_speed_gives_the_samples_of_the_library(tmp_path, capfdbinary):
    slow = perturb_speed(torch.from_numpy(SAMPLES / 32768).float(), 8000, 0.5)
    expected = (slow * 32768).round().clamp(-32768, 32767).int().tolist()
    assert pcm_of(main, "0.5", tmp_path, capfdbinary) == expected


def test_a_speed_out_of_range_is_refused(tmp_path, capfdbinary):
    with pytest.raises(InputError, match="speed factor must be between 0.1 and 10, but is 0.01"):
        pcm_of(main, "0.01", tmp_path, capfdbinary)
