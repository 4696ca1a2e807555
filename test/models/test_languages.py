"""A model that routes by language: an utterance uses only the experts of its language."""

import pytest
import torch
from systems import BATCH, encoder, make_system, moe, pieces

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.heads.decoder import DecoderConfig

LANGUAGES = torch.tensor([1, 0])
ROUTED = moe(router="language", num_experts=6)  # three for each language, of which two are chosen


def make_model():
    return make_system("u2pp_moe", encoder=encoder(ROUTED), languages=("en", "zh"))


@pytest.mark.parametrize("chunk_size", [-1, 4])
def test_frames_meet_the_experts_of_their_language_only(chunk_size):
    encoded = make_model().encode(*BATCH[:2], chunk_size, languages=LANGUAGES)
    language = LANGUAGES.repeat_interleave(encoded.enc_lens)  # of each frame
    assert len(encoded.routings) == 4
    # all of them are met, and each frame meets two of its language's three
    assert (
        len(torch.cat([routing.expert_ids for routing in encoded.routings.values()]).unique()) == 6
    )
    for routing in encoded.routings.values():
        assert torch.equal(routing.expert_ids // 3, language[:, None].expand(-1, 2))


@pytest.mark.parametrize("chunk_size", [-1, 4])
def test_encodings_of_a_mixed_batch_are_those_of_each_utterance_alone(chunk_size):
    model = make_model().eval()
    together = model.encode(*BATCH[:2], chunk_size, languages=LANGUAGES)
    for b, (feats, feats_lens, *_) in enumerate(pieces(BATCH)):
        own, other = LANGUAGES[b : b + 1], 1 - LANGUAGES[b : b + 1]
        alone = model.encode(feats, feats_lens, chunk_size, languages=own).enc[0]
        found = together.enc[b, : together.enc_lens[b]]
        torch.testing.assert_close(found, alone, rtol=0, atol=1e-9)
        mistaken = model.encode(feats, feats_lens, chunk_size, languages=other).enc[0]
        assert (found - mistaken).abs().max() > 1e-3


def test_the_loss_of_a_mixed_batch_is_the_sum_over_its_utterances():
    model = make_model().eval()
    alone = [model(*piece, LANGUAGES[b : b + 1]).loss for b, piece in enumerate(pieces(BATCH))]
    torch.testing.assert_close(model(*BATCH, LANGUAGES).loss, sum(alone), rtol=0, atol=1e-9)


def test_an_utterance_trains_the_experts_of_its_language_only():
    model = make_model()
    model(*next(pieces(BATCH)), LANGUAGES[:1]).loss.backward()
    layers = [layer for name, layer in model.moe_layers().items() if name.startswith("encoder")]
    for layer in layers:
        for parameter in (layer.router.weight, *layer.experts.parameters()):
            trained = parameter.grad.flatten(1).any(dim=1)
            assert trained[3:].any() and not trained[:3].any()


def test_a_model_that_routes_by_language_needs_languages():
    for run in (make_model(), lambda *inputs: make_model().encode(*inputs[:2])):
        with pytest.raises(InputError, match=r"from utt2lang or --language \(one of en, zh\)"):
            run(*BATCH)


def test_a_decoder_cannot_route_by_language():
    decoder = DecoderConfig(num_blocks=1, num_reverse_blocks=1, feed_forward=ROUTED)
    with pytest.raises(InputError, match=r"`decoder\.feed_forward\.router` cannot be language"):
        ModelConfig(encoder=encoder(ROUTED), decoder=decoder, languages=("en", "zh"))
