"""The attention decoder as a step scorer, whose scores depend on neither cache nor batch."""

import pytest
import torch

from moeasr.decode.attention_beam import attention_beam_search
from moeasr.decode.step_scorer import DecoderScorer, WeightedScorer
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig

SOS_EOS = 2


def search(scorer, enc_lens, beam_size):
    """Search with the decoder alone."""
    return attention_beam_search(
        [WeightedScorer(scorer, 1.0, "attention")],
        enc_lens,
        beam_size=beam_size,
        sos_eos=SOS_EOS,
        length_penalty=0.0,
        fusion=None,
    )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(4)
    moe = MoeConfig(hidden_units=16, num_experts=4)
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=16, num_heads=2),
        decoder=DecoderConfig(num_blocks=2, num_heads=2, num_reverse_blocks=2, feed_forward=moe),
    )
    model = build_model(config, num_mel_bins=8, vocab_size=7).double().eval()
    torch.nn.init.normal_(model.decoder.project.weight, std=1.5)
    return model


class WithoutCache(DecoderScorer):
    """A scorer that computes every prefix from the beginning."""

    def select(self, state, rows):
        return None


def test_the_cache_of_decoder_states_does_not_change_the_results(model):
    enc = torch.randn(3, 12, 16, dtype=torch.float64)
    enc_lens = torch.tensor([12, 5, 8])
    cached, uncached = (
        search(kind(model.decoder, enc, enc_lens), enc_lens, 4)
        for kind in (DecoderScorer, WithoutCache)
    )
    for utt, (ours, theirs) in enumerate(zip(cached, uncached)):
        assert [h.tokens for h in ours] == [h.tokens for h in theirs]
        assert [h.score for h in ours] == pytest.approx([h.score for h in theirs], abs=1e-9)
        assert len(ours) == 4
        assert max(len(h.tokens) for h in ours) <= enc_lens[utt]


def test_an_utterance_has_the_same_hypotheses_alone_and_in_a_batch(model):
    enc = torch.randn(3, 12, 16, dtype=torch.float64)
    enc_lens = torch.tensor([12, 5, 8])

    def decode(enc, enc_lens):
        return search(DecoderScorer(model.decoder, enc, enc_lens), enc_lens, 3)

    together = decode(enc, enc_lens)
    for utt, length in enumerate(enc_lens.tolist()):
        (alone,) = decode(enc[utt : utt + 1, :length], enc_lens[utt : utt + 1])
        assert [h.tokens for h in alone] == [h.tokens for h in together[utt]]
        scores = [h.score for h in together[utt]]
        assert [h.score for h in alone] == pytest.approx(scores, abs=1e-9)
