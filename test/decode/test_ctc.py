"""CTC greedy search against enumeration of all alignments."""

import itertools

import pytest
import torch
from textbook import collapse, random_log_probs

from moeasr.decode.ctc import ctc_greedy_search


def test_greedy_is_the_best_alignment_collapsed():
    log_probs = random_log_probs(4, 6, 3, seed=2)
    enc_lens = torch.tensor([6, 4, 1, 0])
    for utt, hypothesis in enumerate(ctc_greedy_search(log_probs, enc_lens)):
        length = int(enc_lens[utt])
        paths = itertools.product(range(3), repeat=length)
        best = max(paths, key=lambda path: sum(log_probs[utt, t, c] for t, c in enumerate(path)))
        assert hypothesis.tokens == collapse(best)
        score = sum(log_probs[utt, t, c].item() for t, c in enumerate(best))
        assert hypothesis.score == pytest.approx(score, abs=1e-12)


def test_greedy_frames_are_the_peaks_of_the_runs():
    values = [
        [0.9, 0.1, 0],
        [0.4, 0.6, 0],
        [0.1, 0.9, 0],
        [0.3, 0.7, 0],
        [0.9, 0.1, 0],
        [0.1, 0, 0.9],
    ]
    log_probs = torch.tensor([values]).clamp_min(1e-9).log()
    (hypothesis,) = ctc_greedy_search(log_probs, torch.tensor([6]))
    assert hypothesis.tokens == (1, 2)
    assert hypothesis.frames == (2, 5)
