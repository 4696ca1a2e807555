"""The convolution module."""

import pytest
import torch
import torch.nn.functional as F

from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.mask import make_valid_mask


def slow_twin(module, x, kernel_size, past):
    """Frame by frame over zero-padded inputs of one utterance (T, D)."""
    zeros = x.new_zeros(x.size(1))
    frames = [x[t] if 0 <= t < len(x) else zeros for t in range(-past, len(x) + kernel_size)]
    gated = [F.glu(module.pointwise1(frame), dim=-1) for frame in frames]
    out = []
    for t in range(len(x)):
        window = torch.stack(gated[t : t + kernel_size], dim=1)  # (D, kernel)
        mixed = (window * module.depthwise.weight[:, 0]).sum(dim=1) + module.depthwise.bias
        out.append(module.pointwise2(F.silu(module.norm(mixed))))
    return torch.stack(out)


@pytest.mark.parametrize(
    ("kernel_size", "causal", "past"), [(5, True, 4), (4, True, 3), (5, False, 2)]
)
def test_equals_its_slow_twin_with_and_without_padding(kernel_size, causal, past):
    module = ConvolutionModule(6, kernel_size, causal).double()
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    lens = torch.tensor([9, 5])
    out, _ = module(x, make_valid_mask(lens, 9))
    for b, length in enumerate(lens.tolist()):
        expected = slow_twin(module, x[b, :length], kernel_size, past)
        torch.testing.assert_close(out[b, :length], expected, rtol=0, atol=1e-12)


def test_causal_sees_no_future_frame():
    module = ConvolutionModule(4, 3, causal=True).double()
    x = torch.randn(1, 8, 4, dtype=torch.float64, requires_grad=True)
    module(x, torch.ones(1, 8, dtype=torch.bool))[0][0, 4].sum().backward()
    touched = x.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert touched == [2, 3, 4]
