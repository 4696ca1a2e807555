"""SpeechMoE's own encoder: which blocks have which parts."""

import pytest
import torch
from rounding import assert_close
from systems import BATCH, encoder, make_system, moe

from moeasr.errors import InputError
from moeasr.models.config import EncoderConfig


def test_attention_stands_in_every_nth_block_and_memory_in_all():
    config = encoder(
        moe(), type="transformer", num_blocks=6, memory_kernel_size=3, attention_every=3
    )
    blocks = make_system("transformer", encoder=config).encoder.blocks
    assert [block.attention is not None for block in blocks] == [False, False, True] * 2
    assert all(block.memory is not None for block in blocks)
    assert not hasattr(blocks[0], "macaron_feed_forward")


def test_a_block_is_the_sum_of_its_parts():
    block = (
        make_system(
            "speechmoe_transformer",
            embedding=None,
            encoder=encoder(moe(), type="transformer", memory_kernel_size=3),
        )
        .eval()
        .encoder.blocks[0]
    )
    x, valid = torch.randn(1, 5, 16, dtype=torch.float64), torch.ones(1, 5, dtype=torch.bool)
    positions = torch.randn(9, 16, dtype=torch.float64)
    expected = x + block.memory(block.memory_norm(x), valid)[0]
    expected = (
        expected + block.attention(block.attention_norm(expected), positions, valid[:, None])[0]
    )
    expected = expected + block.feed_forward(block.feed_forward_norm(expected), valid)[0]
    got, routings, _ = block(x, positions, valid[:, None], valid)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    assert len(routings) == 1


def test_the_stack_ends_in_a_norm():
    model = make_system("transformer").eval()
    enc = model.encode(*BATCH[:2]).enc
    mean = enc.mean(dim=-1)  # of 16 values
    assert_close(mean, torch.zeros_like(mean), 16, enc.abs().max())


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"type": "transformer", "attention_every": 2}, "neither attention nor memory"),
        ({"type": "transformer", "memory_kernel_size": 1}, "1 is no memory"),
        (
            {"type": "transformer", "memory_kernel_size": 3, "attention_every": 13},
            "no block would have attention",
        ),
        ({"memory_kernel_size": 3}, "belong to `type: transformer`"),
        (
            {
                "type": "transformer",
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
        EncoderConfig(**settings)
