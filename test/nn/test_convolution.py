"""The convolution module."""

import pytest
import torch
import torch.nn.functional as F

from moeasr.nn.convolution import ConvolutionModule, DepthwiseConvolution
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


@pytest.mark.parametrize("has_norm", [True, False])
def test_padding_after_the_gate_is_a_padded_convolution_of_each_utterance(has_norm):
    """As in the paper: the depthwise convolution itself is padded with zeros."""
    module = ConvolutionModule(6, 5, False, has_norm, pads_after_gate=True).double()
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    lens = torch.tensor([9, 5])
    out, _ = module(x, make_valid_mask(lens, 9))
    for b, length in enumerate(lens.tolist()):
        gated = F.glu(module.pointwise1(x[b : b + 1, :length]), dim=-1).transpose(1, 2)
        weight, bias = module.depthwise.weight, module.depthwise.bias
        mixed = F.conv1d(gated, weight, bias, padding=2, groups=6).transpose(1, 2)
        if has_norm:
            mixed = F.layer_norm(mixed, (6,), module.norm.weight, module.norm.bias)
        expected = module.pointwise2(F.silu(mixed))[0]
        torch.testing.assert_close(out[b, :length], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("has_norm", [True, False])
def test_another_depths_module_shares_all_but_the_norm(has_norm):
    module = ConvolutionModule(6, 5, False, has_norm, pads_after_gate=True).double()
    other = module.with_own_norm().double()
    x, valid = torch.randn(1, 9, 6, dtype=torch.float64), torch.ones(1, 9, dtype=torch.bool)
    assert torch.equal(module(x, valid)[0], other(x, valid)[0])
    shared = {id(p) for p in module.parameters()} & {id(p) for p in other.parameters()}
    assert len(shared) == 6 and len(list(other.parameters())) == (8 if has_norm else 6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_on_a_cpu_it_computes_in_float32(dtype):
    """PyTorch's kernel in bfloat16 never returns from some sizes, of which this is not one."""
    module, x = DepthwiseConvolution(64, 64, 5, groups=64), torch.randn(2, 13, 64).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        y = module(x)
    assert y.dtype == dtype and torch.equal(y, module(x.float()).to(dtype))
