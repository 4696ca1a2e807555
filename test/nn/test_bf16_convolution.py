"""The front end's convolution with fewer bits."""

import time

import pytest
import torch
from torch import nn

from moeasr.nn.bf16_convolution import Bf16Conv2d, faster_conv


def test_it_is_the_convolution_with_fewer_bits():
    conv, x = nn.Conv2d(6, 10, 3, 2), torch.randn(2, 6, 9, 13)
    with torch.inference_mode():
        wanted, found = conv(x), Bf16Conv2d(conv)(x)
    assert found.dtype == torch.float32
    assert found.shape == wanted.shape
    assert 1e-4 < float((found - wanted).norm() / wanted.norm()) < 1e-2


@pytest.mark.parametrize(("slow", "chosen"), [(Bf16Conv2d, nn.Conv2d), (nn.Conv2d, Bf16Conv2d)])
def test_the_faster_one_is_taken(monkeypatch, slow, chosen):
    monkeypatch.setattr(slow, "forward", lambda self, x: time.sleep(0.05))
    assert type(faster_conv(nn.Conv2d(6, 10, 3, 2))) is chosen
