"""The CTC loss against the sum over all alignments."""

import itertools
import math

import torch

from moeasr.models.heads.ctc_head import CtcHead


def collapse(path):
    return tuple(unit for unit, _ in itertools.groupby(path) if unit != 0)


def test_loss_is_minus_log_of_the_summed_alignments():
    head = CtcHead(d_model=4, vocab_size=3).double()
    enc = torch.randn(2, 4, 4, dtype=torch.float64)
    enc_lens = torch.tensor([4, 3])
    tokens, tokens_lens = torch.tensor([[1, 1], [2, 0]]), torch.tensor([2, 1])
    losses = head.losses(enc, enc_lens, tokens, tokens_lens).detach()
    probs = (enc @ head.project.weight.T + head.project.bias).softmax(dim=-1).tolist()
    for b in range(2):
        target = tuple(tokens[b, : tokens_lens[b]].tolist())
        length = int(enc_lens[b])
        total = sum(
            math.prod(probs[b][t][unit] for t, unit in enumerate(path))
            for path in itertools.product(range(3), repeat=length)
            if collapse(path) == target
        )
        assert math.isclose(losses[b], -math.log(total), rel_tol=1e-10)


def test_log_probs_are_those_of_the_softmax_over_units():
    head, enc = CtcHead(4, 3).double(), torch.randn(2, 5, 4, dtype=torch.float64)
    expected = (enc @ head.project.weight.T + head.project.bias).softmax(dim=-1).log()
    torch.testing.assert_close(head.log_probs(enc), expected, rtol=0, atol=1e-12)


def test_log_probs_are_float32_at_least():
    head = CtcHead(4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert head.log_probs(torch.randn(1, 2, 4)).dtype == torch.float32


def test_an_utterance_too_short_for_its_tokens_has_infinite_loss_and_others_have_not():
    head = CtcHead(4, 3)
    losses = head.losses(
        torch.randn(2, 3, 4),
        torch.tensor([1, 3]),
        torch.tensor([[1, 2], [1, 2]]),
        torch.tensor([2, 2]),
    ).detach()
    assert math.isinf(losses[0]) and math.isfinite(losses[1])


def test_the_loss_of_the_head_is_the_sum_over_utterances_and_is_logged():
    head, enc = CtcHead(4, 3), torch.randn(2, 4, 4)
    inputs = (enc, torch.tensor([4, 3]), torch.tensor([[1, 1], [2, 0]]), torch.tensor([2, 1]))
    found = head.loss(*inputs)
    assert torch.equal(found.loss, head.losses(*inputs).sum())
    assert found.stats == {"loss_ctc": found.loss} and not found.routings
