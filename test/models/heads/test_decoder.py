"""The attention decoder."""

import math

import pytest
import torch
from systems import normed, vary

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig, TransformerDecoder
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.nn.mask import make_valid_mask
from moeasr.nn.valid_frames import find_valid_frames

TOLERANCE = {"rtol": 0, "atol": 1e-10}
MOE = MoeConfig(hidden_units=16, num_experts=4, experts_per_frame=2)


@pytest.fixture(params=["dense", "moe"])
def decoder(request):
    ff = MOE if request.param == "moe" else DenseConfig(hidden_units=24)
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=16, num_heads=2),
        decoder=DecoderConfig(num_blocks=2, num_heads=2, feed_forward=ff),
    )
    return vary(build_model(config, num_mel_bins=20, vocab_size=9).decoder.double().eval())


@pytest.fixture
def enc():
    return torch.randn(2, 6, 16, dtype=torch.float64)


TOKENS = torch.tensor([[2, 3, 4, 5], [2, 6, 0, 0]])
TOKENS_LENS = torch.tensor([4, 2])
ENC_LENS = torch.tensor([6, 4])


def position(u):
    """Attention Is All You Need, section 3.5."""
    angles = torch.tensor([u / 10000 ** (2 * i / 16) for i in range(8)], dtype=torch.float64)
    return torch.stack((angles.sin(), angles.cos()), dim=1).flatten()


def test_a_decoder_is_the_sum_of_its_parts(decoder, enc):
    """Embeddings times sqrt(D) and positions from 0, pre-norm blocks, norm, projection."""
    tokens_valid = find_valid_frames(TOKENS_LENS, 4)
    causal = torch.ones(1, 4, 4, dtype=torch.bool).tril()
    enc_valid = make_valid_mask(ENC_LENS, 6)[:, None]
    positions = torch.stack([position(u) for u in range(4)])
    x, routings = decoder.embedding.weight[TOKENS] * math.sqrt(16) + positions, []
    for block in decoder.blocks:
        y = normed(block.self_attention_norm, x)
        x = x + block.self_attention(y, block.self_attention.read(y), causal)
        memory = block.cross_attention.read(enc)
        x = x + block.cross_attention(normed(block.cross_attention_norm, x), memory, enc_valid)
        y, routing = block.feed_forward(normed(block.feed_forward_norm, x), tokens_valid)
        x = x + y
        routings += [] if routing is None else [routing]
    expected = decoder.project(normed(decoder.norm, x))
    found = decoder(TOKENS, TOKENS_LENS, enc, ENC_LENS)
    torch.testing.assert_close(found.logits, expected, **TOLERANCE)
    for one, other in zip(found.routings.values(), routings, strict=True):
        assert len(one.logits) == 6  # padding is not routed
        torch.testing.assert_close(one.logits, other.logits, **TOLERANCE)


def test_fresh_embeddings_are_as_large_as_the_positions():
    """Times sqrt(D) their variance is 1; of the 20000 numbers it is off by 5 x sqrt(2 / 20000)."""
    weight = TransformerDecoder(1250, 16, [], 0.0).embedding.weight.detach().double()
    assert abs(float(weight.square().mean()) * 16 - 1.0) < 0.05


def test_cached_steps_equal_the_whole_pass(decoder, enc):
    whole = decoder(TOKENS, TOKENS_LENS, enc, ENC_LENS).logits.log_softmax(dim=-1)
    memory, past = decoder.read(enc, ENC_LENS), None
    for length in range(1, 5):
        scores, past = decoder.step(TOKENS[:, :length], memory, past)
        for b in range(2):
            if length <= TOKENS_LENS[b]:
                torch.testing.assert_close(scores[b], whole[b, length - 1], **TOLERANCE)


def test_an_uncached_step_equals_a_cached_one(decoder, enc):
    memory = decoder.read(enc, ENC_LENS)
    _, past = decoder.step(TOKENS[:, :2], memory, None)
    cached, _ = decoder.step(TOKENS[:, :3], memory, past)
    uncached, _ = decoder.step(TOKENS[:, :3], memory, None)
    torch.testing.assert_close(cached, uncached, **TOLERANCE)


def test_a_step_computes_the_newest_token_only(decoder, enc):
    memory, past = decoder.read(enc, ENC_LENS), None
    rows = []
    decoder.embedding.register_forward_hook(lambda *args: rows.append(args[1][0].numel()))
    for block in decoder.blocks:
        for layer in (block.self_attention.key, block.cross_attention.key):
            layer.register_forward_hook(lambda *args: rows.append(args[1][0][..., 0].numel()))
    for length in range(1, 5):
        _, past = decoder.step(TOKENS[:, :length], memory, past)
    # each step: the embedding and two blocks' self-attention, of one token in both rows
    assert rows == [2] * 3 * 4


def test_hypotheses_of_one_utterance_share_its_frames(decoder, enc):
    tokens = torch.tensor([[2, 3, 4, 5], [2, 6, 0, 0], [2, 0, 0, 0], [2, 8, 8, 0]])
    lens = torch.tensor([4, 2, 0, 3])
    shared = decoder(tokens, lens, enc, ENC_LENS)
    own = decoder(tokens, lens, enc.repeat_interleave(2, 0), ENC_LENS.repeat_interleave(2))
    torch.testing.assert_close(shared.logits, own.logits, **TOLERANCE)
    memory, past = decoder.read(enc, ENC_LENS), None
    for length in range(1, 4):
        scores, past = decoder.step(tokens[:, :length], memory, past)
        torch.testing.assert_close(
            scores[3], own.logits[3, length - 1].log_softmax(-1), **TOLERANCE
        )
    # the first utterance leaves, the hypotheses of the second change places
    _, past = decoder.step(tokens[:, :3], memory, None)
    past, memory = past.select(torch.tensor([3, 2])), memory.select(torch.tensor([1]))
    scores, _ = decoder.step(tokens[[3, 2]], memory, past)
    alone, _ = decoder.step(tokens[[3]], decoder.read(enc[1:], ENC_LENS[1:]), None)
    torch.testing.assert_close(scores[:1], alone, **TOLERANCE)


def test_padding_of_tokens_and_frames_changes_nothing(decoder, enc):
    whole = decoder(TOKENS, TOKENS_LENS, enc, ENC_LENS).logits
    alone = decoder(TOKENS[1:, :2], TOKENS_LENS[1:], enc[1:, :4], ENC_LENS[1:]).logits
    torch.testing.assert_close(whole[1, :2], alone[0], **TOLERANCE)


def test_no_token_sees_a_later_one(decoder, enc):
    changed = TOKENS.clone()
    changed[0, 3] = 8
    before = decoder(TOKENS, TOKENS_LENS, enc, ENC_LENS).logits
    after = decoder(changed, TOKENS_LENS, enc, ENC_LENS).logits
    torch.testing.assert_close(before[0, :3], after[0, :3], **TOLERANCE)
    assert (before[0, 3] - after[0, 3]).abs().max() > 1e-3
