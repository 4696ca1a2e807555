"""The common behaviour of the configs of encoders that consist of blocks."""

import pytest
from systems import DENSE, NUM_MEL_BINS, encoder, moe

from moeasr.errors import InputError
from moeasr.models.encoders.block_encoder_config import ATTENTIONS
from moeasr.moe.routers import ROUTERS
from moeasr.nn.subsampling import ConvSubsampling4


def groups(**settings):
    """Return, for each block, the index of the first block with the same attention weights."""
    blocks = encoder(**settings).build(NUM_MEL_BINS, 0).blocks
    weights = [next(block.attention.parameters()) for block in blocks]
    return [next(i for i, other in enumerate(weights) if other is one) for one in weights]


def test_blocks_of_a_group_share_their_parts():
    assert groups(num_blocks=4) == [0, 1, 2, 3]
    assert groups(num_blocks=4, num_groups=2) == [0, 0, 2, 2]
    layout = {"group_layout": "interleaved"}
    assert groups(num_blocks=4, num_groups=2, **layout) == [0, 1, 0, 1]


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_and_front_end_are_those_of_the_config(name):
    built = encoder(attention=name, subsampling_channels=3).build(NUM_MEL_BINS, 0)
    assert type(built.blocks[0].attention) is ATTENTIONS[name]
    assert built.knows_distance == (name == "relative")
    assert isinstance(built.subsampling, ConvSubsampling4)
    assert built.subsampling.conv1.out_channels == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_blocks": 0}, "`num_blocks` must be at least 1, but is 0"),
        ({"num_blocks": 1001}, "`num_blocks` must be at most 1000, but is 1001"),
        ({"num_heads": 3}, "`d_model` must be a multiple of `num_heads` .3., but is 16"),
        ({"d_model": 15, "num_heads": 3}, "`d_model` must be even, but is 15"),
        ({"dropout": 1.5}, "`dropout` must be between 0 and 1"),
        ({"subsampling_channels": 0}, "`subsampling_channels` must be at least 1"),
        ({"num_groups": 3}, r"`num_blocks` must be a multiple of `num_groups` \(3\), but is 2"),
        ({"causal_conv": False}, "`dynamic_chunk: true` needs `causal_conv: true`"),
        (
            {"causal_conv": False, "dynamic_chunk": False, "conv_kernel_size": 4},
            "`conv_kernel_size` must be odd unless `causal_conv` is true, but is 4",
        ),
        *(
            (
                {"feed_forward": moe(router=router), "macaron": DENSE},
                "`dynamic_chunk` must be false, because the router of `feed_forward` reads later",
            )
            for router, kind in ROUTERS.items()
            if kind.sees_future
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        encoder(**settings)


def test_only_a_centred_convolution_and_some_routers_see_the_future():
    assert encoder(causal_conv=False, dynamic_chunk=False).sees_future
    for router, kind in ROUTERS.items():
        part = moe(router=router)
        assert encoder(DENSE, part, dynamic_chunk=False).sees_future == kind.sees_future
    assert not encoder().sees_future
