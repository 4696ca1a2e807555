"""Decoding modes on arrays, and the choice among them."""

import numpy as np
import pytest
import torch
from textbook import random_log_probs

from moeasr.decode.config import DecodeConfig
from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.decode.fusion.config import FusionConfig
from moeasr.deploy.folder_modes import MODES, choose_mode, rescore, search
from moeasr.deploy.networks import Encoded, TokenLogProbs
from moeasr.errors import InputError

CTC_MODES = ["ctc_greedy_search", "ctc_prefix_beam_search"]


def test_greedy_search_equals_greedy_search_in_torch():
    log_probs = random_log_probs(1, 30, 5, seed=2)
    (expected,) = ctc_greedy_search(log_probs, torch.tensor([30]))
    encoded = Encoded(np.zeros((30, 2)), log_probs[0].numpy())
    assert search(encoded, "ctc_greedy_search", DecodeConfig(), None) == [expected]


class Decoder:
    """Log-probabilities of decoders that prefer the last hypothesis."""

    def score(self, enc, hypotheses):
        num_tokens = max(map(len, hypotheses))
        forward, backward = (np.zeros((len(hypotheses), num_tokens + 1)) for _ in range(2))
        for row, tokens in enumerate(hypotheses):
            forward[row, : len(tokens) + 1] = np.log(0.5) * (row == 0)
            backward[row, : len(tokens)] = np.log(1 / np.arange(2, len(tokens) + 2))
        return TokenLogProbs(forward, backward)


def test_rescoring_weighs_both_decoders_and_keeps_their_mean_confidence():
    log_probs = np.log([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    encoded = Encoded(np.zeros((2, 2)), log_probs)
    config = DecodeConfig(beam_size=2, ctc_weight=0.0, reverse_weight=0.25)
    nbest = search(encoded, "ctc_prefix_beam_search", config, None)
    assert [h.tokens for h in nbest] == [(1, 2), (1,)]
    best, second = rescore(nbest, encoded, config, Decoder())
    assert (best.tokens, second.tokens) == ((1,), (1, 2))
    assert best.score == pytest.approx(0.25 * np.log(1 / 2))
    assert second.score == pytest.approx(0.75 * np.log(1 / 8) + 0.25 * np.log(1 / 6))
    # the backward decoder reads the tokens in reverse: its first one is the last one
    assert second.token_confidence == pytest.approx(((1 / 2 + 1 / 3) / 2, (1 / 2 + 1 / 2) / 2))
    assert best.spans == ((0, 2),)
    assert rescore([], encoded, config, Decoder()) == []


def test_the_default_is_the_most_accurate_mode_that_reads_the_settings():
    modes, config = tuple(MODES), DecodeConfig()
    assert choose_mode(None, modes, config, []) == "attention_rescoring"
    assert choose_mode(None, CTC_MODES, config, ["chunk_size"]) == "ctc_prefix_beam_search"
    assert choose_mode(None, modes, config, ["beam_size"]) == "attention_rescoring"
    assert choose_mode("ctc_greedy_search", modes, config, []) == "ctc_greedy_search"
    with pytest.raises(InputError, match=r"`ctc_weight` has no effect .* for attention_rescoring"):
        choose_mode(None, CTC_MODES, config, ["ctc_weight"])
    with pytest.raises(InputError, match="`length_penalty` has no effect .* run the checkpoint"):
        choose_mode(None, modes, config, ["length_penalty"])


def test_other_modes_and_fusions_are_refused():
    with pytest.raises(InputError, match="'attention_rescoring'; this one can do: ctc_greedy_sea"):
        choose_mode("attention_rescoring", CTC_MODES, DecodeConfig(), [])
    with pytest.raises(InputError, match="cannot use a language model; use the checkpoint"):
        choose_mode(None, CTC_MODES, DecodeConfig(fusion=FusionConfig(lm="x.arpa")), ["fusion"])
    phrases = DecodeConfig(fusion=FusionConfig(context="phrases.txt"))
    assert choose_mode(None, CTC_MODES, phrases, ["fusion"]) == "ctc_prefix_beam_search"
    with pytest.raises(
        InputError, match="mode .ctc_greedy_search. cannot use boosted phr.*: ctc_p"
    ):
        choose_mode("ctc_greedy_search", CTC_MODES, phrases, ["fusion"])
