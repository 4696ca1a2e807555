"""Attention against a slow twin that loops over frames and heads."""

import math

import pytest
import torch
from dropped import RATES, assert_dropped

from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.key_position_attention import KeyPositionAttention
from moeasr.nn.mask import make_chunk_mask, make_valid_mask
from moeasr.nn.position import key_positions, relative_positions, sinusoidal_encoding

D, H = 8, 2


def linear(layer, x):
    """Apply a layer with a bias, as all layers except the one for positions are."""
    return x @ layer.weight.T + layer.bias


def slow_rel_attention(module, x, mask):
    """Transformer-XL's score, one query and one key at a time."""
    width = D // H
    batch, num_frames, _ = x.shape
    out = torch.zeros_like(x)
    for b in range(batch):
        for h in range(H):
            part = slice(h * width, (h + 1) * width)
            for i in range(num_frames):
                query = linear(module.query, x[b, i])[part]
                scores = []
                for j in range(num_frames):
                    r = sinusoidal_encoding(torch.tensor([float(i - j)], dtype=x.dtype), D)[0]
                    score = (query + module.content_bias[h]) @ linear(module.key, x[b, j])[part]
                    position = (module.position.weight @ r)[part]
                    score = score + (query + module.position_bias[h]) @ position
                    scores.append(score / math.sqrt(width))
                scores = torch.stack(scores).masked_fill(~mask[b, i], -math.inf)
                values = [linear(module.value, x[b, j])[part] for j in range(num_frames)]
                out[b, i, part] = scores.softmax(dim=0) @ torch.stack(values)
    return linear(module.output, out)


@pytest.mark.parametrize("chunk_size", [-1, 2])
def test_rel_position_attention_equals_its_slow_twin(chunk_size):
    module = RelPositionAttention(D, H, dropout=0.0).double()
    x = torch.randn(2, 6, D, dtype=torch.float64)
    lens = torch.tensor([6, 4])
    mask = make_valid_mask(lens, 6)[:, None].expand(2, 6, 6)
    if chunk_size > 0:
        mask = mask & make_chunk_mask(6, chunk_size)
    fast, _ = module(x, relative_positions(6, 6, x), mask)
    slow = slow_rel_attention(module, x, mask)
    valid = make_valid_mask(lens, 6)
    torch.testing.assert_close(fast[valid], slow[valid], rtol=0, atol=1e-12)


def test_positions_have_no_bias():
    """A bias would shift all scores of a query equally. There are five matrices, u and v."""
    num_params = sum(p.numel() for p in RelPositionAttention(D, H, dropout=0.0).parameters())
    assert num_params == 4 * (D * D + D) + D * D + 2 * D


def test_the_learned_biases_start_uniform_within_xaviers_bound():
    """The variance is 2 / (8 + 64); of 512 numbers it is off by 5 deviations of 4 % at most."""
    module = RelPositionAttention(512, 8, dropout=0.0)
    for bias in (module.content_bias.detach(), module.position_bias.detach()):
        assert bias.shape == (8, 64)
        assert float(bias.abs().max()) <= (6 / 72) ** 0.5
        assert abs(float(bias.square().mean()) * 72 / 2 - 1) < 0.2


def test_a_frame_without_allowed_keys_has_finite_outputs_and_gradients():
    module = RelPositionAttention(D, H, dropout=0.0)
    x = torch.randn(1, 4, D, requires_grad=True)
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[:, :2, :2] = True
    out, _ = module(x, relative_positions(4, 4, x), mask)
    out[:, :2].sum().backward()
    assert torch.isfinite(out).all() and torch.isfinite(x.grad).all()


def test_attention_equals_torchs_own_module():
    ours = MultiHeadAttention(D, H, dropout=0.0).double()
    oracle = torch.nn.MultiheadAttention(D, H, batch_first=True).double()
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        oracle.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        oracle.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        oracle.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(3, 4, D, dtype=torch.float64)
    memory = torch.randn(3, 7, D, dtype=torch.float64)
    valid = make_valid_mask(torch.tensor([7, 5, 1]), 7)
    expected, _ = oracle(x, memory, memory, key_padding_mask=~valid)
    torch.testing.assert_close(
        ours(x, ours.read(memory), valid[:, None]), expected, rtol=0, atol=1e-12
    )


def attend(module, x):
    """Self-attention over all frames, by each kind of attention."""
    mask = torch.ones(1, x.size(1), x.size(1), dtype=torch.bool)
    match module:
        case KeyPositionAttention():
            first = torch.zeros(1, dtype=torch.int64)
            return module(x, key_positions(first, x.size(1), x), mask)[0]
        case RelPositionAttention():
            return module(x, relative_positions(x.size(1), x.size(1), x), mask)[0]
        case _:
            return module(x, module.read(x), mask)


@pytest.mark.parametrize("kind", [MultiHeadAttention, RelPositionAttention, KeyPositionAttention])
@pytest.mark.parametrize("rate", RATES)
def test_attention_weights_are_dropped_at_the_rate_in_training_only(kind, rate):
    """A single key has all the weight, so a head gives the value of this key or, if dropped, 0."""
    module = kind(D, H, dropout=rate).double()
    with torch.no_grad():
        module.value.weight.zero_()
        module.value.bias.fill_(3.0)
        module.output.weight.copy_(torch.eye(D))
        module.output.bias.fill_(5.0)
    x = torch.randn(2000, 1, D, dtype=torch.float64)
    heads = attend(module, x)[:, 0, :: D // H] - 5.0  # (2000, H), one value of each head
    assert_dropped(heads, rate, 3.0)
    evaluated = attend(module.eval(), x)
    torch.testing.assert_close(evaluated, torch.full_like(x, 8.0), rtol=0, atol=1e-12)
