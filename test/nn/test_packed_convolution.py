"""The convolution of the front end in bfloat16 and in 8 bits."""

import pytest
import torch
import torch.nn.functional as F
from fake_clock import FakeClock
from torch import nn

from moeasr.nn import packed_convolution
from moeasr.nn.linear_kernels import largest_code
from moeasr.nn.packed_convolution import Bf16Conv2d, Int8Conv2d, fastest_conv, sums_are_exact

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def skip_unless_exact(kind):
    with torch.inference_mode():
        if kind is Int8Conv2d and not sums_are_exact(kind):
            pytest.skip("its sums overflow on this processor, so that it is never used")


def relative_error(found, wanted):
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("kind", [Bf16Conv2d, Int8Conv2d])
def test_it_is_the_convolution_with_fewer_bits(kind, has_bias, layout):
    skip_unless_exact(kind)
    conv, x = nn.Conv2d(6, 10, 3, 2, bias=has_bias), torch.randn(2, 6, 9, 13)
    with torch.inference_mode():
        wanted, found = conv(x), kind(conv)(x.contiguous(memory_format=layout))
    assert found.dtype == torch.float32
    assert found.shape == wanted.shape
    assert 1e-4 < relative_error(found, wanted) < 2e-2


def test_the_8_bit_convolution_equals_that_of_rounded_weights_and_inputs():
    skip_unless_exact(Int8Conv2d)
    conv, x = nn.Conv2d(6, 10, 3, 2), torch.rand(2, 6, 9, 13) * 3 - 1
    weight_step = conv.weight.abs().amax(dim=(1, 2, 3), keepdim=True) / 127
    step = (x.max() - x.min()) / largest_code()
    with torch.inference_mode():
        weight = (conv.weight / weight_step).round() * weight_step
        rounded = F.conv2d((x / step).round() * step, weight, conv.bias, 2)
        assert relative_error(Int8Conv2d(conv)(x), rounded) < 1e-5


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("fast", [nn.Conv2d, Bf16Conv2d, Int8Conv2d])
def test_the_fastest_one_of_those_that_the_precision_allows_is_taken(monkeypatch, fast, precision):
    skip_unless_exact(fast)
    conv, clock = nn.Conv2d(6, 10, 3, 2), FakeClock()
    monkeypatch.setattr(packed_convolution, "time", clock)
    allowed = [nn.Conv2d, *packed_convolution.PACKED_CONVOLUTIONS[precision]]
    for kind in allowed:
        sec = 0.001 if kind is fast else 0.005
        monkeypatch.setattr(kind, "forward", timed(kind.forward, clock, sec))
    found = fastest_conv(conv, precision)
    if fast in allowed:
        assert type(found) is fast
    else:
        assert type(found) in allowed


def timed(forward, clock, sec):
    def wrapped(self, x):
        clock.advance(sec)
        return forward(self, x)

    return wrapped


@pytest.mark.parametrize("fault", [RuntimeError, AttributeError, None])
def test_one_that_is_missing_or_wrong_is_not_taken(monkeypatch, fault):
    def make(conv):
        if fault is not None:
            raise fault("no such operator")
        return lambda x: torch.zeros_like(conv(x))

    monkeypatch.setitem(packed_convolution.PACKED_CONVOLUTIONS, "int8", (make,))
    conv = nn.Conv2d(6, 10, 3, 2)
    assert fastest_conv(conv, "int8") is conv
