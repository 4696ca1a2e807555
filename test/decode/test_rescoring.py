"""Attention rescoring of a batch of n-best lists against the decoders called token by token."""

import math

import pytest
import torch

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.rescoring import attention_rescoring
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig

SOS_EOS = 2
NBEST = [[(3, 4, 5), (3, 3), (), (6,) * 9], [], [(5,), (4, 6, 4, 3)]]
CTC = [[-1.0, -2.5, -3.0, -4.0], [], [-0.5, -0.25]]
FUSION = [[0.75, -1.5, 2.0, 0.0], [], [None, None]]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    moe = MoeConfig(hidden_units=16, num_experts=4)
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=16, num_heads=2),
        decoder=DecoderConfig(num_blocks=2, num_heads=2, num_reverse_blocks=1, feed_forward=moe),
    )
    return build_model(config, num_mel_bins=8, vocab_size=7).double().eval()


@pytest.fixture
def nbest():
    return [
        [
            Hypothesis(tokens=t, score=c + (f or 0.0), ctc_score=c, fusion_score=f)
            for t, c, f in zip(*columns)
        ]
        for columns in zip(NBEST, CTC, FUSION)
    ]


@pytest.fixture
def encoded():
    torch.manual_seed(5)
    return torch.randn(3, 10, 16, dtype=torch.float64), torch.tensor([10, 4, 7])


def one_by_one(decoder, tokens, enc, enc_lens, utt):
    """Return the log-probabilities of `tokens` and of the end, from single steps without cache."""
    scores, prefix = [], [SOS_EOS]
    for token in (*tokens, SOS_EOS):
        memory = decoder.read(enc[utt : utt + 1], enc_lens[utt : utt + 1])
        log_probs, _ = decoder.step(torch.tensor([prefix]), memory, None)
        scores.append(float(log_probs[0, token]))
        prefix.append(token)
    return scores


@pytest.mark.parametrize(("ctc_weight", "reverse_weight"), [(0.5, 0.3), (0.0, 0.0), (1.3, 1.0)])
@torch.no_grad()
def test_rescoring_a_batch_equals_scoring_single_hypotheses(
    model, nbest, encoded, ctc_weight, reverse_weight
):
    enc, enc_lens = encoded
    results = attention_rescoring(
        nbest,
        enc,
        enc_lens,
        model.decoder,
        model.reverse_decoder,
        SOS_EOS,
        ctc_weight,
        reverse_weight,
    )
    assert [len(hypotheses) for hypotheses in results] == [4, 0, 2]
    for utt, hypotheses in enumerate(results):
        expected, confidence = {}, {}
        for tokens, ctc, fusion in zip(NBEST[utt], CTC[utt], FUSION[utt]):
            left = one_by_one(model.decoder, tokens, enc, enc_lens, utt)
            right = one_by_one(model.reverse_decoder, tokens[::-1], enc, enc_lens, utt)
            attention = sum(left) * (1 - reverse_weight) + sum(right) * reverse_weight
            score = attention + ctc_weight * ctc + (fusion or 0.0)
            expected[tokens] = (score, attention, ctc)
            confidence[tokens] = [math.exp(x) for x in left[:-1]]
            if reverse_weight > 0:
                pairs = zip(left[:-1], right[-2::-1])
                confidence[tokens] = [(math.exp(x) + math.exp(y)) / 2 for x, y in pairs]
        for h in hypotheses:
            found = (h.score, h.attention_score, h.ctc_score)
            assert found == pytest.approx(expected[h.tokens], abs=1e-9)
            assert h.token_confidence == pytest.approx(confidence[h.tokens], abs=1e-9)
            mean = math.exp(h.attention_score / (len(h.tokens) + 1))
            assert h.confidence == pytest.approx(mean, abs=1e-12)
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        assert {h.tokens for h in hypotheses} == set(NBEST[utt])


def test_a_missing_reverse_decoder_is_refused(model, nbest, encoded):
    with pytest.raises(ValueError, match="right-to-left"):
        attention_rescoring(nbest, *encoded, model.decoder, None, SOS_EOS, 0.5, 0.3)


def test_empty_nbest_lists_stay_empty(model, encoded):
    assert attention_rescoring([[], [], []], *encoded, model.decoder, None, SOS_EOS, 0.5, 0.0) == [
        [],
        [],
        [],
    ]
