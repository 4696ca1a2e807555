"""Exported decoders whose scores differ from those of the checkpoint are refused."""

import numpy as np
import pytest
import torch

from moeasr.decode.rescoring import token_log_probs
from moeasr.deploy.networks import TokenLogProbs
from moeasr.errors import InputError
from moeasr.export.decoder_difference import compare_decoders
from moeasr.models.heads.attention_head import SOS_EOS, reverse_tokens

FEATS = [
    (name, np.random.default_rng(size).normal(6, 3, (size, 80)).astype("f"))
    for name, size in (("u1", 50), ("short", 6), ("u2", 90))
]
TEXTS = {"u1": "ab cd", "short": "a", "u2": ""}


class Network:
    """The decoders of a model, whose scores are off by an error; U is at least 1, as in files."""

    def __init__(self, model, *errors):
        self._decoders, self._errors = (model.decoder, model.reverse_decoder), errors

    def score(self, enc, hypotheses):
        (units,) = hypotheses
        tokens, lens = torch.tensor([units or [0]]), torch.tensor([len(units)])
        orders = tokens, reverse_tokens(tokens, lens)
        memory = torch.from_numpy(enc)[None], torch.tensor([len(enc)])
        parts = zip(self._decoders, orders, self._errors)
        return TokenLogProbs(
            *(
                token_log_probs(decoder, in_order, lens, *memory, SOS_EOS).numpy() + error
                for decoder, in_order, error in parts
            )
        )


def test_equal_decoders_pass_on_every_token_and_end(recognizer):
    difference = compare_decoders(recognizer, FEATS, TEXTS, Network(recognizer.model, 0.0, 0.0))
    assert difference.num_frames == 2 * (6 + 1)  # both decoders; the short utterance is left out
    assert difference.num_differing == 0
    difference.check("decoder.onnx")


@pytest.mark.parametrize("errors", [(0.02, 0.0), (0.0, -0.02), (np.nan, 0.0)])
def test_another_score_of_either_decoder_is_refused(recognizer, errors):
    difference = compare_decoders(recognizer, FEATS, TEXTS, Network(recognizer.model, *errors))
    assert difference.num_differing == 7
    with pytest.raises(InputError, match=r"decoder\.onnx"):
        difference.check("decoder.onnx")
