"""The base of augmentations: utterances and intervals."""

import numpy as np
import pytest
import torch

from moeasr.augment.augmentation import Speech, check_interval, draw_between
from moeasr.errors import InputError


def test_samples_are_told_from_features_by_their_shape():
    assert Speech(torch.zeros(5), "", 0).is_audio
    assert not Speech(torch.zeros(5, 80), "", 0).is_audio


def test_an_interval_has_two_numbers_in_order_and_in_range():
    check_interval("x", (1.0, 1.0), 0.0, 1.0)
    message = r"^`x` must be \[lowest, highest\] with two numbers from 0 to 1, but is \[0.0, 2.0\]$"
    with pytest.raises(InputError, match=message):
        check_interval("x", (0.0, 2.0), 0.0, 1.0)


def test_numbers_are_drawn_from_the_interval():
    rng = np.random.default_rng(0)
    found = [draw_between((2.0, 5.0), rng) for _ in range(100)]
    assert 2 <= min(found) < 2.3 and 4.7 < max(found) <= 5
    assert draw_between((10.0, 10.0), rng) == 10
