"""Attention by the position of the key, against a slow twin that loops over frames and heads."""

import math

import pytest
import torch
from rounding import assert_close

from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.mask import make_chunk_mask, make_valid_mask
from moeasr.nn.position import key_positions

D, H = 8, 2


def encoding(position):
    """Encode one position by the formula of Attention Is All You Need in float32."""
    angles = torch.tensor([position / 10000 ** (2 * i / D) for i in range(D // 2)])
    return torch.stack((angles.sin(), angles.cos()), dim=1).flatten().double()


def slow_attention(module, x, mask):
    """Compute the attention by the formula of the score, one query and one key at a time."""
    width = D // H
    out = torch.zeros_like(x)
    for b in range(len(x)):
        for h in range(H):
            part = slice(h * width, (h + 1) * width)
            for i in range(x.size(1)):
                query = module.query(x[b, i])[part]
                scores = []
                for j in range(x.size(1)):
                    score = (query + module.content_bias[h]) @ module.key(x[b, j])[part]
                    position = module.position(encoding(j))[part]
                    score = score + (query + module.position_bias[h]) @ position
                    scores.append(score / math.sqrt(width))
                scores = torch.stack(scores).masked_fill(~mask[b, i], -math.inf)
                values = torch.stack([module.value(x[b, j])[part] for j in range(x.size(1))])
                out[b, i, part] = scores.softmax(dim=0) @ values
    return module.output(out)


@pytest.mark.parametrize("chunk_size", [-1, 2])
def test_equals_its_slow_twin(chunk_size):
    module = KeyPositionAttention(D, H, dropout=0.0).double()
    x = torch.randn(2, 6, D, dtype=torch.float64)
    lens = torch.tensor([6, 4])
    valid = make_valid_mask(lens, 6)
    mask = valid[:, None].expand(2, 6, 6)
    if chunk_size > 0:
        mask = mask & make_chunk_mask(6, chunk_size)
    fast, _ = module(x, key_positions(torch.zeros(1, dtype=torch.int64), 6, x), mask)
    slow = slow_attention(module, x, mask)
    # The encodings are float32 on both sides: exponent, product and sine each round.
    assert_close(fast[valid], slow[valid], 8)


def test_a_cache_continues_the_stream():
    """Two streams at once, one of them nine frames further."""
    module = KeyPositionAttention(D, H, dropout=0.0).double()
    x = torch.randn(2, 7, D, dtype=torch.float64)
    first = torch.tensor([0, 9])
    mask = make_chunk_mask(7, 4)[None]
    whole, _ = module(x, key_positions(first, 7, x), mask)
    begun, past = module(x[:, :4], key_positions(first, 4, x), mask[:, :4, :4])
    rest, _ = module(x[:, 4:], key_positions(first, 7, x), mask[:, 4:], past)
    torch.testing.assert_close(torch.cat((begun, rest), dim=1), whole, rtol=0, atol=1e-12)
    at_beginning, _ = module(x, key_positions(torch.tensor([0, 0]), 7, x), mask)
    assert torch.equal(at_beginning[0], whole[0])
    assert not torch.allclose(at_beginning[1], whole[1], rtol=0, atol=1e-3)


def test_encodings_are_those_of_float32_whatever_the_model_is():
    like = torch.zeros(1, 6, dtype=torch.float64)
    encodings = key_positions(torch.tensor([4000]), 3, like)
    rates = torch.exp(torch.arange(0, 6, 2, dtype=torch.float32) * -(math.log(10000.0) / 6))
    expected = (torch.arange(4000, 4003, dtype=torch.float32)[:, None] * rates).sin().double()
    assert encodings.dtype == torch.float64
    assert torch.equal(encodings[0, :, 0::2], expected)
