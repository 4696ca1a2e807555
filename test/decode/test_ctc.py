"""CTC searches against enumeration of all alignments and a textbook search with dictionaries."""

import itertools
import math
from collections import defaultdict

import pytest
import torch

from moeasr.decode.ctc import ctc_greedy_search, ctc_prefix_beam_search

NEG_INF = float("-inf")


def random_log_probs(num_utts, num_frames, vocab_size, seed, peaky=1.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num_utts, num_frames, vocab_size, generator=generator, dtype=torch.float64)
    return (logits * peaky).log_softmax(-1)


def collapse(path, blank=0):
    return tuple(token for token, _ in itertools.groupby(path) if token != blank)


def enumerate_prefixes(log_probs, blank=0):
    """Every unit sequence and its probability: the sum over all V^T alignments."""
    num_frames, vocab_size = log_probs.shape
    totals = defaultdict(float)
    for path in itertools.product(range(vocab_size), repeat=num_frames):
        value = sum(log_probs[t, token].item() for t, token in enumerate(path))
        totals[collapse(path, blank)] += math.exp(value)
    return totals


def log_add(a, b):
    if a == NEG_INF:
        return b
    if b == NEG_INF:
        return a
    high, low = (a, b) if a > b else (b, a)
    return high + math.log1p(math.exp(low - high))


def textbook_prefix_beam_search(log_probs, beam_size, blank=0):
    """Hannun's algorithm, one utterance, one frame, one prefix, one unit at a time."""
    beam = [((), (0.0, NEG_INF))]
    for frame in log_probs.tolist():
        following = defaultdict(lambda: (NEG_INF, NEG_INF))
        for prefix, (p_blank, p_unit) in beam:
            for token, p in enumerate(frame):
                if token == blank:
                    b, u = following[prefix]
                    following[prefix] = (log_add(b, log_add(p_blank, p_unit) + p), u)
                elif prefix and token == prefix[-1]:
                    b, u = following[prefix]
                    following[prefix] = (b, log_add(u, p_unit + p))
                    b, u = following[(*prefix, token)]
                    following[(*prefix, token)] = (b, log_add(u, p_blank + p))
                else:
                    b, u = following[(*prefix, token)]
                    following[(*prefix, token)] = (b, log_add(u, log_add(p_blank, p_unit) + p))
        ranked = sorted(following.items(), key=lambda item: log_add(*item[1]), reverse=True)
        beam = ranked[:beam_size]
    return [(prefix, log_add(*scores)) for prefix, scores in beam if log_add(*scores) > NEG_INF]


def assert_same(hypotheses, expected):
    assert [hypothesis.tokens for hypothesis in hypotheses] == [prefix for prefix, _ in expected]
    for hypothesis, (_, score) in zip(hypotheses, expected):
        assert hypothesis.score == pytest.approx(score, abs=1e-9)
        assert hypothesis.ctc_score == hypothesis.score


@pytest.mark.parametrize(("num_frames", "vocab_size"), [(1, 3), (4, 3), (5, 4), (6, 2)])
def test_an_unlimited_beam_gives_the_sum_over_all_alignments(num_frames, vocab_size):
    log_probs = random_log_probs(3, num_frames, vocab_size, seed=num_frames)
    enc_lens = torch.full((3,), num_frames)
    results = ctc_prefix_beam_search(log_probs, enc_lens, beam_size=500)
    for utt, hypotheses in enumerate(results):
        totals = enumerate_prefixes(log_probs[utt])
        ranked = sorted(totals.items(), key=lambda item: item[1], reverse=True)
        assert_same(hypotheses, [(prefix, math.log(value)) for prefix, value in ranked])
    assert math.fsum(math.exp(h.score) for h in results[0]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("beam_size", [1, 2, 3, 10])
@pytest.mark.parametrize("peaky", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("vocab_size", [3, 7, 40])
def test_a_pruned_beam_equals_the_textbook_search(beam_size, peaky, vocab_size):
    log_probs = random_log_probs(4, 25, vocab_size, seed=vocab_size, peaky=peaky)
    enc_lens = torch.tensor([25, 1, 0, 17])
    results = ctc_prefix_beam_search(log_probs, enc_lens, beam_size)
    for utt, hypotheses in enumerate(results):
        valid = log_probs[utt, : enc_lens[utt]]
        assert_same(hypotheses, textbook_prefix_beam_search(valid, beam_size))


def test_many_small_problems_equal_the_textbook_search():
    """Few units and a narrow beam: prefixes leave the beam and come back all the time."""
    log_probs = random_log_probs(300, 14, 4, seed=5, peaky=0.5)
    results = ctc_prefix_beam_search(log_probs, torch.full((300,), 14), beam_size=4)
    for utt, hypotheses in enumerate(results):
        assert_same(hypotheses, textbook_prefix_beam_search(log_probs[utt], 4))


def test_impossible_units_and_another_blank():
    log_probs = random_log_probs(20, 8, 5, seed=1)
    log_probs[:, ::2, 1] = NEG_INF
    log_probs[:, 3, 2:4] = NEG_INF
    log_probs = log_probs.log_softmax(-1)
    results = ctc_prefix_beam_search(log_probs, torch.full((20,), 8), beam_size=6, blank=4)
    for utt, hypotheses in enumerate(results):
        assert_same(hypotheses, textbook_prefix_beam_search(log_probs[utt], 6, blank=4))


def test_one_certain_path_leaves_no_twins_in_a_wide_beam():
    """Most slots stay dead for long; none may come alive as the twin of a live prefix."""
    log_probs = torch.full((1, 12, 4), NEG_INF, dtype=torch.float64)
    for time, token in enumerate([1, 1, 0, 1, 2, 2, 0, 0, 3, 1, 1, 0]):
        log_probs[0, time, token] = math.log(0.75)
        log_probs[0, time, 0] = math.log(0.25) if token else 0.0
    (hypotheses,) = ctc_prefix_beam_search(log_probs, torch.tensor([12]), beam_size=200)
    tokens = [hypothesis.tokens for hypothesis in hypotheses]
    assert len(set(tokens)) == len(tokens)
    expected = dict(textbook_prefix_beam_search(log_probs[0], 200))  # a dict: some scores tie
    assert {h.tokens: h.score for h in hypotheses} == pytest.approx(expected, abs=1e-9)
    assert math.fsum(math.exp(h.score) for h in hypotheses) == pytest.approx(1.0, abs=1e-12)


def test_padding_and_company_do_not_matter():
    log_probs = random_log_probs(3, 30, 12, seed=8)
    enc_lens = torch.tensor([30, 11, 23])
    together = ctc_prefix_beam_search(log_probs, enc_lens, beam_size=5)
    for utt, length in enumerate(enc_lens.tolist()):
        alone = ctc_prefix_beam_search(
            log_probs[utt : utt + 1, :length], enc_lens[utt : utt + 1], beam_size=5
        )
        assert alone[0] == together[utt]


def test_no_utterances_and_no_frames():
    assert ctc_prefix_beam_search(torch.zeros(0, 3, 4), torch.zeros(0).long(), 2) == []
    results = ctc_prefix_beam_search(torch.zeros(2, 3, 4), torch.tensor([0, 0]), 2)
    assert [[(h.tokens, h.score) for h in hypotheses] for hypotheses in results] == [
        [((), 0.0)]
    ] * 2


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


def test_a_unit_twice_needs_a_blank_between():
    """P(aa) over 3 frames is the one alignment a-a: worked by hand."""
    log_probs = torch.tensor([[[0.4, 0.6], [0.7, 0.3], [0.2, 0.8]]], dtype=torch.float64).log()
    (hypotheses,) = ctc_prefix_beam_search(log_probs, torch.tensor([3]), beam_size=4)
    scores = {hypothesis.tokens: math.exp(hypothesis.score) for hypothesis in hypotheses}
    assert scores[(1, 1)] == pytest.approx(0.6 * 0.7 * 0.8)
    assert scores[()] == pytest.approx(0.4 * 0.7 * 0.2)
    assert scores[(1,)] == pytest.approx(1 - 0.336 - 0.056)
