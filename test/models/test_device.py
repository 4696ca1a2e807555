"""Blocks on a GPU that is only simulated: tensors have a device and a shape, but no numbers.

A tensor on the wrong device, or an operation that makes the host wait for the GPU, raises an error.
"""

import pytest
import torch
from systems import NUM_MEL_BINS, SYSTEMS, decoders, system_config
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

from moeasr.models.build import build_model
from moeasr.moe import experts
from moeasr.moe.experts import every_kernel, grouped_kernel, sorted_kernel
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn import position
from moeasr.nn.mask import make_causal_mask, make_valid_mask
from moeasr.nn.valid_frames import ValidFrames

B, T, D = 2, 12, 16


def fake_system(name, kernel):
    """Return a system on the simulated GPU whose experts are run by `kernel`."""
    with torch.device("cuda"):
        model = build_model(system_config(name), NUM_MEL_BINS, 9)
    for module in model.modules():
        if isinstance(module, MoEFeedForward):
            module.experts.kernel = kernel
    return model.train()


def padded():
    """Return the valid frames of a batch with padding."""
    mask = make_valid_mask(torch.full((B,), T, device="cuda"), T)
    return ValidFrames(mask, torch.zeros(T + 3, dtype=torch.int64, device="cuda"))


@pytest.fixture
def hopper(monkeypatch):
    """Let the simulated GPU have grouped products, which need bfloat16; forget old positions."""
    position._distances.cache_clear()
    monkeypatch.setattr(experts, "groups_products", lambda x, shape: True)
    torch.set_default_dtype(torch.bfloat16)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kernel", [grouped_kernel, every_kernel])
@pytest.mark.parametrize("name", SYSTEMS)
def test_blocks_do_not_wait_for_the_device(name, kernel, hopper):
    with FakeTensorMode():
        model = fake_system(name, kernel)
        x, valid = torch.randn(B, T, D, device="cuda"), padded()
        context = None
        if model.languages:
            context = torch.zeros(B, 1, len(model.languages), device="cuda")
        elif model.embedding is not None:
            context = torch.zeros(B, T, model.embedding.encoder.d_model, device="cuda")
        first = torch.zeros(1, dtype=torch.int64, device="cuda")
        mask = valid.mask[:, None]
        enc, *_ = model.encoder.run_blocks(x, mask, valid, context, None, first)
        assert enc.device.type == "cuda" and enc.shape == (B, T, D)
        for decoder in decoders(model).values():
            memory = decoder.read(enc, torch.full((B,), T, device="cuda"))
            causal = make_causal_mask(T, enc.device)[None]
            for block, of_block in zip(decoder.blocks, memory.blocks):
                y, _, _ = block(x, None, causal, valid, of_block, memory.mask)
                assert y.device.type == "cuda"


def test_the_simulation_notices_an_operation_that_waits():
    with FakeTensorMode(), pytest.raises(DynamicOutputShapeException):
        torch.ones(3, device="cuda").nonzero()


def test_the_simulation_notices_that_sorted_experts_wait(hopper):
    with FakeTensorMode(), pytest.raises(Exception, match="aten"):
        model = fake_system("u2pp_moe", sorted_kernel)
        first = torch.zeros(1, dtype=torch.int64, device="cuda")
        valid = padded()
        x = torch.randn(B, T, D, device="cuda")
        model.encoder.run_blocks(x, valid.mask[:, None], valid, None, None, first)
