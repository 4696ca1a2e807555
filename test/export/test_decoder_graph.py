"""The graph of the attention decoders."""

import pytest
import torch
from systems import make_system

from moeasr.decode.rescoring import token_log_probs
from moeasr.export.decoder_graph import DecoderGraph
from moeasr.export.sliced_experts import slice_experts
from moeasr.models.heads.attention_head import reverse_tokens

TOKENS = torch.tensor([[3, 4, 5, 6], [7, 7, 0, 0], [0, 0, 0, 0]])
LENS = torch.tensor([4, 2, 0])


@pytest.mark.parametrize("kind", ["dense", "u2pp_moe"])
def test_scores_are_those_of_rescoring(kind):
    model = make_system(kind).eval()
    enc = torch.randn(1, 13, 16, dtype=torch.float64)
    graph = DecoderGraph(slice_experts(model).all_heads["attention"], 16)
    assert graph.output_names == ("log_probs", "reverse_log_probs")
    with torch.no_grad():
        given = graph(enc, TOKENS, LENS)
        orders = (TOKENS, reverse_tokens(TOKENS, LENS))
        for found, decoder, tokens in zip(given, (model.decoder, model.reverse_decoder), orders):
            expected = token_log_probs(decoder, tokens, LENS, enc, torch.tensor([13]), 2)
            torch.testing.assert_close(found, expected)


def test_a_decoder_that_was_not_trained_is_left_out():
    model = make_system("dense", reverse_weight=0.0).eval()
    graph = DecoderGraph(model.all_heads["attention"], 16)
    assert graph.output_names == ("log_probs",)
    with torch.no_grad():
        assert len(graph(torch.randn(1, 5, 16, dtype=torch.float64), TOKENS, LENS)) == 1
