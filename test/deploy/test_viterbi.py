"""Alignments without torch, against those of torchaudio."""

import numpy as np
import pytest
import torch
from textbook import random_log_probs

from moeasr.decode.ctc.forced_alignment import align_tokens
from moeasr.decode.ctc.token_alignment import Alignment
from moeasr.deploy.viterbi import align


@pytest.mark.parametrize("tokens", [[1], [1, 1], [2, 1, 2], [1, 1, 2, 2, 2], [3] * 10, [1, 2] * 10])
def test_alignments_equal_those_of_torchaudio(tokens):
    for seed in range(10):
        log_probs = random_log_probs(1, 20, 5, seed, peaky=2.0)[0].float()
        expected, found = align_tokens(log_probs, tokens), align(log_probs.numpy(), tokens)
        assert found.frames == expected.frames and found.spans == expected.spans
        assert found.confidence == pytest.approx(expected.confidence)


def test_tokens_that_do_not_fit_have_no_alignment():
    log_probs = np.log(np.full((3, 4), 0.25))
    assert align(log_probs, [1, 1, 2]) is None and align(log_probs, [1, 0]) is None
    assert align(log_probs, []) == Alignment((), (), ())
    assert align(log_probs, [1, 2, 3]).spans == ((0, 1), (1, 2), (2, 3))
    assert align(torch.zeros(0, 4).numpy(), [1]) is None
