"""The encoder, whose outputs do not depend on padding, batches or the division into chunks."""

import pytest
import torch
from systems import STREAMING, SYSTEMS, make_system

TOLERANCE = {"rtol": 0, "atol": 1e-9}
CASES = [*((kind, -1) for kind in SYSTEMS), *((kind, 4) for kind in STREAMING)]


def make_encoder(kind):
    return make_system(kind).eval()


@pytest.fixture
def feats():
    return torch.randn(3, 60, 20, dtype=torch.float64)


LENS = torch.tensor([60, 41, 23])


@pytest.mark.parametrize(("kind", "chunk_size"), CASES)
def test_an_utterance_is_encoded_the_same_alone_and_in_any_batch(kind, chunk_size, feats):
    model = make_encoder(kind)
    spoilt = feats.clone()
    spoilt[1, 41:] = 1e3
    spoilt[2, 23:] = -1e3
    whole = model.encode(spoilt, LENS, chunk_size)
    swapped = model.encode(spoilt.flip(0), LENS.flip(0), chunk_size)
    for b, length in enumerate(LENS.tolist()):
        alone = model.encode(feats[b : b + 1, :length], LENS[b : b + 1], chunk_size)
        kept = int(whole.enc_lens[b])
        assert alone.enc.size(1) == kept == model.output_len(length)
        torch.testing.assert_close(whole.enc[b, :kept], alone.enc[0], **TOLERANCE)
        torch.testing.assert_close(swapped.enc[2 - b, :kept], alone.enc[0], **TOLERANCE)


def test_expert_counts_of_a_batch_are_the_sum_of_its_utterances(feats):
    model = make_encoder("u2pp_moe")
    whole = model.encode(feats, LENS).routings
    assert len(whole) == 4  # two feed-forwards in each of two blocks
    alone = [
        model.encode(feats[b : b + 1, :n], LENS[b : b + 1]).routings
        for b, n in enumerate(LENS.tolist())
    ]
    for layer, routing in whole.items():
        together = torch.cat([utterance[layer].expert_ids for utterance in alone])
        assert torch.equal(routing.expert_ids, together)


@pytest.mark.parametrize("kind", STREAMING)
def test_a_chunk_as_long_as_the_utterance_equals_full_context(kind, feats):
    model = make_encoder(kind)
    full = model.encode(feats, torch.tensor([60] * 3)).enc
    chunked = model.encode(feats, torch.tensor([60] * 3), full.size(1)).enc
    torch.testing.assert_close(full, chunked, **TOLERANCE)


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize("chunk_size", [1, 3, 5])
def test_no_frame_of_a_later_chunk_is_seen(kind, chunk_size, feats):
    model = make_encoder(kind)
    lens = torch.tensor([60])
    before = model.encode(feats[:1], lens, chunk_size).enc
    changed = feats[:1].clone()
    # encoder frames of the first two chunks see features up to 4 * (2c - 1) + 6
    first_unseen = 4 * (2 * chunk_size - 1) + 7
    changed[:, first_unseen:] += 100.0
    after = model.encode(changed, lens, chunk_size).enc
    past = 2 * chunk_size
    torch.testing.assert_close(before[:, :past], after[:, :past], **TOLERANCE)
    assert (before[:, past:] - after[:, past:]).abs().max() > 1e-3


def test_limited_left_chunks_hide_the_far_past(feats):
    model = make_encoder("dense")
    lens = torch.tensor([60])
    limited = model.encode(feats[:1], lens, 2, num_left_chunks=1).enc
    unlimited = model.encode(feats[:1], lens, 2).enc
    torch.testing.assert_close(limited[:, :4], unlimited[:, :4], **TOLERANCE)
    assert (limited[:, 4:] - unlimited[:, 4:]).abs().max() > 1e-6
