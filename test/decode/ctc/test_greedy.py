"""CTC greedy search against enumeration of all alignments."""

import dataclasses
import itertools

import pytest
import torch
from textbook import collapse, random_log_probs

from moeasr.decode.ctc.forced_alignment import align_tokens
from moeasr.decode.ctc.greedy import GreedySearch, ctc_greedy_search


def test_greedy_search_returns_the_best_alignment_collapsed():
    log_probs = random_log_probs(4, 6, 3, seed=2)
    enc_lens = torch.tensor([6, 4, 1, 0])
    for utt, hypothesis in enumerate(ctc_greedy_search(log_probs, enc_lens)):
        length = int(enc_lens[utt])
        paths = itertools.product(range(3), repeat=length)
        best = max(paths, key=lambda path: sum(log_probs[utt, t, c] for t, c in enumerate(path)))
        assert hypothesis.tokens == collapse(best)
        score = sum(log_probs[utt, t, c].item() for t, c in enumerate(best))
        assert hypothesis.score == pytest.approx(score, abs=1e-12)


def test_frames_of_units_are_the_peaks_of_their_runs():
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
    assert hypothesis.spans == ((1, 4), (5, 6))
    assert hypothesis.token_confidence == pytest.approx((0.9, 0.9))


def test_chunks_give_the_same_result_as_the_whole_utterance():
    generator = torch.Generator().manual_seed(3)
    log_probs = (2 * torch.randn(1, 40, 3, generator=generator)).log_softmax(-1)
    # two equal peaks, of which the first one counts
    log_probs = log_probs.repeat_interleave(2, dim=1)
    (whole,) = ctc_greedy_search(log_probs, torch.tensor([80]))
    assert any(end - start > 2 for start, end in whole.spans)
    for size in (1, 2, 7):
        search = GreedySearch(1)
        for chunk in log_probs.split(size, dim=1):
            search.advance(chunk, torch.tensor([chunk.size(1)]))
        ((found,),) = search.hypotheses()
        assert found.score == pytest.approx(whole.score)
        assert dataclasses.replace(found, score=0, ctc_score=0) == dataclasses.replace(
            whole, score=0, ctc_score=0
        )
    alignment = align_tokens(log_probs[0], whole.tokens)
    assert (whole.frames, whole.spans) == (alignment.frames, alignment.spans)
    assert whole.token_confidence == pytest.approx(alignment.confidence)
