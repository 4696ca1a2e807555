"""Options of the config reach the layers to which they belong."""

import pytest
import torch
from systems import BATCH, encoder, make_system, normed

from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.mask import make_valid_mask
from moeasr.nn.memory import MemoryBlock
from moeasr.nn.position import key_positions, relative_positions
from moeasr.nn.subsampling import ConvSubsampling4

X = torch.randn(2, 9, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
VALID = make_valid_mask(torch.tensor([9, 5]), 9)
SEES_FUTURE = {"causal_conv": False, "dynamic_chunk": False}
MEMORY = {"type": "transformer", "memory_kernel_size": 3}


def assert_same(built, expected, *inputs):
    """Check that a layer built from a config computes the same as a layer with these settings."""
    expected.double().load_state_dict(built.state_dict())
    found, wanted = built(*inputs), expected(*inputs)
    if isinstance(wanted, tuple):
        found, wanted = found[0], wanted[0]
    assert torch.equal(found, wanted)


def first_block(**settings):
    return make_system("dense", encoder=encoder(**settings)).encoder.blocks[0]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"conv_kernel_size": 3}, ConvolutionModule(16, 3, causal=True)),
        ({"conv_norm": "none"}, ConvolutionModule(16, 5, causal=True, has_norm=False)),
        (SEES_FUTURE, ConvolutionModule(16, 5, causal=False)),
        (
            {"conv_edges": "after_gate", **SEES_FUTURE},
            ConvolutionModule(16, 5, causal=False, pads_after_gate=True),
        ),
    ],
)
def test_convolutions(settings, expected):
    assert_same(first_block(**settings).convolution, expected, X, VALID)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [(MEMORY, MemoryBlock(16, 3, causal=True)), (MEMORY | SEES_FUTURE, MemoryBlock(16, 3, False))],
)
def test_memories(settings, expected):
    assert_same(first_block(**settings).memory, expected, X, VALID)


@pytest.mark.parametrize("kind", ENCODERS)
def test_attentions_of_encoders(kind):
    mask = VALID[:, None]
    relative, first = relative_positions(9, 9, X), torch.zeros(1, dtype=torch.int64)
    built = first_block(type=kind).attention
    assert_same(built, RelPositionAttention(16, 2, 0.0), X, relative, mask)
    built = first_block(type=kind, attention="key_position").attention
    assert_same(built, KeyPositionAttention(16, 2, 0.0), X, key_positions(first, 9, X), mask)


def test_attentions_of_decoders():
    config = DecoderConfig(num_blocks=1, num_reverse_blocks=2, num_heads=4, dropout=0.0)
    model = make_system("dense", decoder=config)
    blocks = [*model.decoder.blocks, *model.reverse_decoder.blocks]
    assert len(blocks) == 3
    for block in blocks:
        for built in (block.self_attention, block.cross_attention):
            assert_same(built, MultiHeadAttention(16, 4, 0.0), X, built.read(X), VALID[:, None])


@pytest.mark.parametrize(("channels", "expected"), [(None, 16), (6, 6)])
def test_front_ends(channels, expected):
    built = make_system("dense", encoder=encoder(subsampling_channels=channels)).encoder.subsampling
    assert_same(built, ConvSubsampling4(20, 16, expected), *BATCH[:2])


def test_a_final_norm_comes_after_all_blocks_of_a_conformer():
    plain = make_system("dense").eval()
    model = make_system("dense", encoder=encoder(final_norm=True)).eval()
    torch.nn.init.normal_(plain.encoder.blocks[-1].final_norm.bias)
    model.load_state_dict(plain.state_dict(), strict=False)
    expected = normed(model.encoder.norm, plain.encode(*BATCH[:2]).enc)
    torch.testing.assert_close(model.encode(*BATCH[:2]).enc, expected, rtol=0, atol=1e-12)
