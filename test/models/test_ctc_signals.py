"""Additional learning signals of the CTC head."""

import math

import pytest
import torch
from rounding import assert_close
from systems import BATCH, SYSTEMS, make_system

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.ctc_signals import view_divergence
from moeasr.models.heads.decoder import DecoderConfig

TWO_VIEWS = (*(torch.cat((x, x)) for x in BATCH), None, 2)


def without_chunks(system, **settings):
    """A model in training mode that draws no chunk sizes."""
    torch.manual_seed(0)
    model = make_system(system, **settings)
    model.max_chunk_size = None
    return model


def test_the_divergence_is_the_kullback_leibler_sum_of_both_views():
    probs = torch.tensor([[[0.5, 0.5], [0.9, 0.1]], [[0.25, 0.75], [0.3, 0.7]]]).double()
    got = view_divergence(probs.log(), torch.tensor([1, 1]))
    left, right = probs[:, 0]
    expected = (right * (right / left).log()).sum() + (left * (left / right).log()).sum()
    assert_close(got, expected, 10, 1.0, torch.float64)
    assert_close(got, torch.tensor(math.log(3) / 4, dtype=torch.float64), 10, 1.0, torch.float64)


def test_the_other_view_is_a_target_without_gradient():
    log_probs = torch.randn(4, 3, 5, dtype=torch.float64).log_softmax(-1).requires_grad_()
    view_divergence(log_probs, torch.tensor([3, 2, 3, 2])).backward()
    expected = -log_probs.detach().exp()[[2, 3, 0, 1]]
    expected[[1, 3], 2] = 0.0  # padding
    assert_close(log_probs.grad, expected, 10, 1.0, torch.float64)


@pytest.mark.parametrize("system", SYSTEMS)
def test_identical_views_cost_what_one_view_costs(system):
    model = without_chunks(system, consistency_weight=0.2).eval()
    plain = without_chunks(system).eval()
    two, weight_0, one = model(*TWO_VIEWS), plain(*TWO_VIEWS), plain(*BATCH)
    assert torch.equal(weight_0.loss, plain(*TWO_VIEWS[:4]).loss)
    # Experts may round the frames of two identical rows differently.
    assert abs(float(two.stats["loss_consistency"])) < 1e-9
    torch.testing.assert_close(two.loss, weight_0.loss, rtol=0, atol=1e-9)
    assert float(two.weight) == 2 * float(one.weight)
    torch.testing.assert_close(two.loss, 2 * one.loss, rtol=0, atol=1e-9)
    assert all(
        torch.equal(load, 2 * one.expert_loads[name]) for name, load in two.expert_loads.items()
    )


def test_the_divergence_is_weighted_relative_to_the_ctc_loss():
    model = without_chunks("u2pp_moe", consistency_weight=0.2, ctc_weight=0.4)
    plain = without_chunks("u2pp_moe", ctc_weight=0.4)
    feats = torch.cat((BATCH[0], BATCH[0].roll(1, dims=1)))
    views = (feats, *TWO_VIEWS[1:])
    output = model(*views)
    encoded = plain.encode(feats, TWO_VIEWS[1])
    divergence = view_divergence(plain.ctc_log_probs(encoded.enc), encoded.enc_lens)
    assert float(divergence.detach()) > 0
    assert torch.equal(output.stats["loss_consistency"], divergence.detach())
    expected = plain(*views).loss + 0.4 * 0.2 * divergence
    torch.testing.assert_close(output.loss, expected, rtol=0, atol=1e-9)
    assert "loss_consistency" not in model(*BATCH).stats


def test_the_weight_must_be_in_range_and_needs_the_ctc_loss():
    with pytest.raises(InputError, match="`consistency_weight` must be 0 or more, but is -1"):
        ModelConfig(consistency_weight=-1.0)
    with pytest.raises(InputError, match="`consistency_weight` needs a CTC loss"):
        ModelConfig(consistency_weight=0.2, ctc_weight=0.0, decoder=DecoderConfig(num_blocks=1))
