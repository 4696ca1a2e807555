"""The attention decoder."""

import pytest
import torch

from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig

TOLERANCE = {"rtol": 0, "atol": 1e-10}
MOE = FeedForwardConfig(type="moe", hidden_units=16, num_experts=4, experts_per_frame=2)


@pytest.fixture(params=["dense", "moe"])
def decoder(request):
    ff = MOE if request.param == "moe" else FeedForwardConfig(hidden_units=24)
    config = ModelConfig(
        encoder=EncoderConfig(num_blocks=1, d_model=16, num_heads=2),
        decoder=DecoderConfig(num_blocks=2, num_heads=2, feed_forward=ff),
    )
    return build_model(config, num_mel_bins=20, vocab_size=9).decoder.double().eval()


@pytest.fixture
def enc():
    return torch.randn(2, 6, 16, dtype=torch.float64)


TOKENS = torch.tensor([[2, 3, 4, 5], [2, 6, 0, 0]])
TOKENS_LENS = torch.tensor([4, 2])
ENC_LENS = torch.tensor([6, 4])


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
