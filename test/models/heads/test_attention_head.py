"""The attention head: its loss, and the order of its tokens."""

import pytest
import torch
from systems import DENSE

from moeasr.models.heads.attention_head import (
    AttentionConfig,
    add_sos_eos,
    reverse_tokens,
)
from moeasr.models.heads.decoder import DecoderConfig

TOKENS, LENS = torch.tensor([[3, 4, 5], [6, 7, 0]]), torch.tensor([3, 2])


def head(num_reverse_blocks=1, **settings):
    decoder = DecoderConfig(
        num_blocks=1,
        num_reverse_blocks=num_reverse_blocks,
        num_heads=2,
        dropout=0.0,
        feed_forward=DENSE,
    )
    config = AttentionConfig(weight=1.0, decoder=decoder, **settings)
    return config.build(8, vocab_size=9).double().eval()


@pytest.fixture
def enc():
    return torch.randn(2, 6, 8, dtype=torch.float64), torch.tensor([6, 4])


def test_edges_and_order_of_tokens():
    tokens_in, targets = add_sos_eos(TOKENS, LENS, 2)
    assert tokens_in.tolist() == [[2, 3, 4, 5], [2, 6, 7, 0]]
    assert targets.tolist() == [[3, 4, 5, 2], [6, 7, 2, 2]]  # the last one is padding
    assert reverse_tokens(TOKENS, LENS).tolist() == [[5, 4, 3], [7, 6, 0]]


def test_the_loss_is_the_cross_entropy_of_both_directions(enc):
    attention = head(reverse_weight=0.25, label_smoothing=0.0)
    found = attention.loss(*enc, TOKENS, LENS)
    expected = {}
    for name, tokens in (("decoder", TOKENS), ("reverse_decoder", reverse_tokens(TOKENS, LENS))):
        tokens_in, targets = add_sos_eos(tokens, LENS, 2)
        log_probs = getattr(attention, name)(tokens_in, LENS + 1, *enc).logits.log_softmax(-1)
        expected[name] = -sum(
            log_probs[b, u, targets[b, u]] for b in range(2) for u in range(int(LENS[b]) + 1)
        )
    torch.testing.assert_close(
        found.loss, 0.75 * expected["decoder"] + 0.25 * expected["reverse_decoder"]
    )
    torch.testing.assert_close(found.stats["loss_att"], expected["decoder"])
    torch.testing.assert_close(found.stats["loss_att_reverse"], expected["reverse_decoder"])


def test_without_a_reverse_decoder_the_loss_is_that_of_the_other(enc):
    attention = head(num_reverse_blocks=0)
    found = attention.loss(*enc, TOKENS, LENS)
    assert torch.equal(found.loss, found.stats["loss_att"])
    assert set(found.stats) == {"loss_att", "acc"}
    assert list(attention.inputs(TOKENS, LENS)) == ["decoder"]


@pytest.mark.parametrize(
    ("blocks", "weight", "can"), [(1, 0.3, True), (1, 0.0, False), (0, 0.3, False)]
)
def test_only_a_trained_reverse_decoder_rescores(blocks, weight, can):
    assert head(blocks, reverse_weight=weight).can_rescore_in_reverse == can


def test_a_head_of_no_blocks_is_an_error():
    with pytest.raises(ValueError, match="at least one block"):
        AttentionConfig(
            weight=1.0, decoder=DecoderConfig(num_blocks=0, num_reverse_blocks=0)
        ).build(8, 9)
