"""The Conformer block."""

import torch
from systems import TOP_1, encoder, make_system, normed, vary

from moeasr.nn.position import relative_positions
from moeasr.nn.valid_frames import find_valid_frames


def test_a_block_is_the_papers_sum_of_its_parts():
    """arXiv 2005.08100, section 2.4: half a step, attention, convolution, half a step, norm."""
    model = make_system("speechmoe", encoder=encoder(TOP_1))
    block = vary(model.encoder.blocks[0])
    x, context = torch.randn(2, 5, 24, dtype=torch.float64).split((16, 8), dim=2)
    valid = find_valid_frames(torch.tensor([5, 3]), 5)
    positions, mask = relative_positions(5, 5, x), valid.mask[:, None]
    half, first = block.macaron_feed_forward(normed(block.macaron_norm, x), valid, context)
    y = x + half / 2
    y = y + block.attention(normed(block.attention_norm, y), positions, mask)[0]
    y = y + block.convolution(normed(block.convolution_norm, y), valid.mask)[0]
    half, second = block.feed_forward(normed(block.feed_forward_norm, y), valid, context)
    expected = normed(block.final_norm, y + half / 2)
    found, routings, _ = block(x, positions, mask, valid, context)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert list(routings) == ["macaron_feed_forward", "feed_forward"]
    for routing, wanted in zip(routings.values(), (first, second), strict=True):
        assert len(routing.logits) == 8  # padding is not routed
        torch.testing.assert_close(routing.logits, wanted.logits, rtol=0, atol=1e-12)
