"""SpeechMoE's Transformer encoder: the parts of each block."""

import pytest
import torch
from rounding import assert_close
from systems import BATCH, TOP_1, encoder, make_system, moe, normed, vary

from moeasr.errors import InputError
from moeasr.models.encoders.transformer import TransformerConfig
from moeasr.nn.position import relative_positions
from moeasr.nn.valid_frames import find_valid_frames


def test_every_nth_block_has_attention_and_all_have_memory():
    config = encoder(
        moe(), type="transformer", num_blocks=6, memory_kernel_size=3, attention_every=3
    )
    blocks = make_system("transformer", encoder=config).encoder.blocks
    assert [block.attention is not None for block in blocks] == [False, False, True] * 2
    assert all(block.memory is not None for block in blocks)
    assert not hasattr(blocks[0], "macaron_feed_forward")


def test_a_block_is_the_sum_of_its_parts():
    config = encoder(TOP_1, type="transformer", memory_kernel_size=3)
    block = vary(make_system("speechmoe_transformer", encoder=config).encoder.blocks[0])
    x, context = torch.randn(2, 5, 24, dtype=torch.float64).split((16, 8), dim=2)
    valid = find_valid_frames(torch.tensor([5, 3]), 5)
    positions, mask = relative_positions(5, 5, x), valid.mask[:, None]
    expected = x + block.memory(normed(block.memory_norm, x), valid.mask)[0]
    y = normed(block.attention_norm, expected)
    expected = expected + block.attention(y, positions, mask)[0]
    y, routing = block.feed_forward(normed(block.feed_forward_norm, expected), valid, context)
    got, routings, _ = block(x, positions, mask, valid, context)
    torch.testing.assert_close(got, expected + y, rtol=0, atol=1e-12)
    assert list(routings) == ["feed_forward"]
    torch.testing.assert_close(routings["feed_forward"].logits, routing.logits, rtol=0, atol=1e-12)


def test_the_stack_ends_in_a_norm():
    model = make_system("transformer").eval()
    enc = model.encode(*BATCH[:2]).enc
    mean = enc.mean(dim=-1)  # of 16 values
    assert_close(mean, torch.zeros_like(mean), 16, enc.abs().max())


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"attention_every": 2}, "neither attention nor memory"),
        ({"memory_kernel_size": 1}, "must be 0 or at least 2, but is 1"),
        (
            {"memory_kernel_size": 3, "attention_every": 13},
            "no block would have attention",
        ),
        (
            {
                "memory_kernel_size": 4,
                "causal_conv": False,
                "dynamic_chunk": False,
            },
            "`memory_kernel_size` must be odd",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(settings, reason):
    with pytest.raises(InputError, match=reason):
        TransformerConfig(**settings)


@pytest.mark.parametrize("memory_kernel_size", [0, 3])
def test_only_memory_can_see_the_future(memory_kernel_size):
    settings = {"memory_kernel_size": memory_kernel_size, "causal_conv": False}
    config = TransformerConfig(**settings, dynamic_chunk=False)
    assert config.sees_future == (memory_kernel_size > 0)
    if memory_kernel_size == 0:
        TransformerConfig(**settings, dynamic_chunk=True)
        return
    with pytest.raises(InputError, match="`dynamic_chunk: true` needs `causal_conv: true`"):
        TransformerConfig(**settings, dynamic_chunk=True)
