"""The FSMN memory block."""

import pytest
import torch

from moeasr.nn.mask import make_valid_mask
from moeasr.nn.memory import MemoryBlock


@pytest.mark.parametrize(
    ("kernel_size", "causal", "past"), [(5, True, 4), (4, True, 3), (5, False, 2)]
)
def test_equals_its_slow_twin_with_and_without_padding(kernel_size, causal, past):
    block = MemoryBlock(6, kernel_size, causal).double()
    x, lens = torch.randn(2, 9, 6, dtype=torch.float64), torch.tensor([9, 5])
    out, _ = block(x, make_valid_mask(lens, 9))
    for b, length in enumerate(lens.tolist()):
        p = x[b, :length] @ block.project.weight.T + block.project.bias
        for t in range(length):
            expected = p[t].clone()
            for tap in range(kernel_size):
                source = t - past + tap
                if 0 <= source < length:
                    expected += block.taps.weight[:, 0, tap] * p[source]
            torch.testing.assert_close(out[b, t], expected, rtol=0, atol=1e-12)


def test_causal_sees_no_future_frame():
    block = MemoryBlock(4, 3, causal=True).double()
    x = torch.randn(1, 8, 4, dtype=torch.float64, requires_grad=True)
    block(x, torch.ones(1, 8, dtype=torch.bool))[0][0, 4].sum().backward()
    assert not x.grad[0, 5:].any() and x.grad[0, 2:5].abs().sum(dim=1).all()
