"""Prefix beam search against enumeration and a textbook search, on utterances and in chunks."""

import math

import pytest
import torch
from textbook import NEG_INF, enumerate_prefixes, random_log_probs, textbook_prefix_beam_search

from moeasr.decode.ctc.prefix_beam import PrefixBeam, ctc_prefix_beam_search


def assert_same(hypotheses, expected):
    assert [hypothesis.tokens for hypothesis in hypotheses] == [prefix for prefix, _ in expected]
    for hypothesis, (_, score) in zip(hypotheses, expected):
        assert hypothesis.score == pytest.approx(score, abs=1e-9)
        assert hypothesis.ctc_score == hypothesis.score


@pytest.mark.parametrize(("num_frames", "vocab_size"), [(1, 3), (4, 3), (5, 4), (6, 2)])
def test_scores_of_an_unlimited_beam_are_sums_over_all_alignments(num_frames, vocab_size):
    log_probs = random_log_probs(3, num_frames, vocab_size, seed=num_frames)
    enc_lens = torch.full((3,), num_frames)
    results = ctc_prefix_beam_search(log_probs, enc_lens, beam_size=500, fusion=None)
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
    results = ctc_prefix_beam_search(log_probs, enc_lens, beam_size, fusion=None)
    for utt, hypotheses in enumerate(results):
        valid = log_probs[utt, : enc_lens[utt]]
        assert_same(hypotheses, textbook_prefix_beam_search(valid, beam_size))


def test_many_small_problems_equal_the_textbook_search():
    """Use few units and a narrow beam, so that prefixes often leave the beam and return."""
    log_probs = random_log_probs(300, 14, 4, seed=5, peaky=0.5)
    results = ctc_prefix_beam_search(log_probs, torch.full((300,), 14), beam_size=4, fusion=None)
    for utt, hypotheses in enumerate(results):
        assert_same(hypotheses, textbook_prefix_beam_search(log_probs[utt], 4))


def test_units_of_probability_zero_and_another_blank_equal_the_textbook_search():
    log_probs = random_log_probs(20, 8, 5, seed=1)
    log_probs[:, ::2, 1] = NEG_INF
    log_probs[:, 3, 2:4] = NEG_INF
    log_probs = log_probs.log_softmax(-1)
    results = ctc_prefix_beam_search(
        log_probs, torch.full((20,), 8), beam_size=6, fusion=None, blank=4
    )
    for utt, hypotheses in enumerate(results):
        assert_same(hypotheses, textbook_prefix_beam_search(log_probs[utt], 6, blank=4))


def test_a_wide_beam_contains_every_prefix_only_once():
    """Most slots stay empty for long. None may be filled with a copy of a live prefix."""
    log_probs = torch.full((1, 12, 4), NEG_INF, dtype=torch.float64)
    for time, token in enumerate([1, 1, 0, 1, 2, 2, 0, 0, 3, 1, 1, 0]):
        log_probs[0, time, token] = math.log(0.75)
        log_probs[0, time, 0] = math.log(0.25) if token else 0.0
    (hypotheses,) = ctc_prefix_beam_search(
        log_probs, torch.tensor([12]), beam_size=200, fusion=None
    )
    tokens = [hypothesis.tokens for hypothesis in hypotheses]
    assert len(set(tokens)) == len(tokens)
    # a dictionary, since some scores are equal
    expected = dict(textbook_prefix_beam_search(log_probs[0], 200))
    assert {h.tokens: h.score for h in hypotheses} == pytest.approx(expected, abs=1e-9)
    assert math.fsum(math.exp(h.score) for h in hypotheses) == pytest.approx(1.0, abs=1e-12)


def test_padding_and_other_utterances_of_the_batch_do_not_matter():
    log_probs = random_log_probs(3, 30, 12, seed=8)
    enc_lens = torch.tensor([30, 11, 23])
    together = ctc_prefix_beam_search(log_probs, enc_lens, beam_size=5, fusion=None)
    for utt, length in enumerate(enc_lens.tolist()):
        alone = ctc_prefix_beam_search(
            log_probs[utt : utt + 1, :length], enc_lens[utt : utt + 1], beam_size=5, fusion=None
        )
        assert_same(together[utt], [(h.tokens, h.score) for h in alone[0]])


def test_an_empty_batch_and_utterances_without_frames():
    assert ctc_prefix_beam_search(torch.zeros(0, 3, 4), torch.zeros(0).long(), 2, None) == []
    results = ctc_prefix_beam_search(torch.zeros(2, 3, 4), torch.tensor([0, 0]), 2, None)
    assert [[(h.tokens, h.score) for h in hypotheses] for hypotheses in results] == [
        [((), 0.0)]
    ] * 2


def test_a_repeated_unit_needs_a_blank_between():
    """Over 3 frames, (1, 1) has the single alignment "1 - 1"."""
    log_probs = torch.tensor([[[0.4, 0.6], [0.7, 0.3], [0.2, 0.8]]], dtype=torch.float64).log()
    (hypotheses,) = ctc_prefix_beam_search(log_probs, torch.tensor([3]), beam_size=4, fusion=None)
    scores = {hypothesis.tokens: math.exp(hypothesis.score) for hypothesis in hypotheses}
    assert scores[(1, 1)] == pytest.approx(0.6 * 0.7 * 0.8)
    assert scores[()] == pytest.approx(0.4 * 0.7 * 0.2)
    assert scores[(1,)] == pytest.approx(1 - 0.336 - 0.056)


def random_chunks(log_probs, enc_lens, generator):
    """Split each stream at random places; some chunks are empty."""
    starts = torch.zeros_like(enc_lens)
    while bool((starts < enc_lens).any()):
        lens = torch.randint(0, 7, enc_lens.shape, generator=generator).minimum(enc_lens - starts)
        chunk = torch.full((len(enc_lens), 7, log_probs.size(2)), 9.0, dtype=log_probs.dtype)
        for stream, (start, length) in enumerate(zip(starts.tolist(), lens.tolist())):
            chunk[stream, :length] = log_probs[stream, start : start + length]
        yield chunk, lens
        starts += lens


@pytest.mark.parametrize("seed", range(20))
def test_the_split_into_chunks_does_not_change_the_results(seed):
    generator = torch.Generator().manual_seed(seed)
    log_probs = random_log_probs(4, 60, 6, seed=seed, peaky=[0.5, 1.5, 4.0][seed % 3])
    enc_lens = torch.tensor([60, 0, 33, 60])
    whole = PrefixBeam(4, beam_size=5, fusion=None)
    whole.advance(log_probs, enc_lens)
    cut = PrefixBeam(4, beam_size=5, fusion=None)
    fed = torch.zeros(4, dtype=torch.int64)
    before = [()] * 4
    for chunk, lens in random_chunks(log_probs, enc_lens, generator):
        cut.advance(chunk, lens)
        fed += lens
        so_far = ctc_prefix_beam_search(log_probs, fed, beam_size=5, fusion=None)
        stable = [units.stable for units in cut.partial()]
        for best, units in zip(cut.hypotheses(), cut.partial()):
            assert units.stable + units.undecided == best[0].tokens
            for first in (len(units.stable) // 2, len(units.stable)):
                later = cut.partial(first)[cut.partial().index(units)]
                assert later == (units.stable[first:], units.undecided)
        for stream, hypotheses in enumerate(cut.hypotheses()):
            assert [h.tokens for h in hypotheses] == [h.tokens for h in so_far[stream]]
            scores = [h.score for h in so_far[stream]]
            assert [h.score for h in hypotheses] == pytest.approx(scores, abs=1e-9)
            longest = before[stream]
            assert stable[stream][: len(longest)] == longest  # stable units never change
            tokens = [h.tokens for h in hypotheses]
            places = zip(*tokens)  # the slow way to find the units that all prefixes share
            num_shared = next(
                (n for n, units in enumerate(places) if len(set(units)) > 1),
                min(len(prefix) for prefix in tokens),
            )
            assert stable[stream] == tokens[0][:num_shared]
            before[stream] = stable[stream]
    for ours, expected in zip(cut.hypotheses(), whole.hypotheses()):
        assert [h.frames for h in ours] == [h.frames for h in expected]


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("num_frames", [1, 3, 40])
def test_frames_of_units_are_the_peaks_of_their_probabilities(num_frames, beam_size):
    """Each unit also has some probability in the frames before and after its peak."""
    values = torch.full((1, 40, 4), 0.01)
    for peak, unit in [(3, 1), (11, 2), (12, 3), (17, 3), (31, 1)]:
        values[0, peak, unit] = 0.9
        values[0, peak + 1, unit] += 0.4
        if peak != 12:
            values[0, peak - 1, unit] += 0.6
    values[..., 0] = 1 - values[..., 1:].sum(dim=-1).clamp(max=0.96)
    log_probs = values.log()
    beam = PrefixBeam(1, beam_size, fusion=None)
    for chunk in log_probs.split(num_frames, dim=1):
        beam.advance(chunk, torch.tensor([chunk.size(1)]))
    best = beam.hypotheses()[0][0]
    assert best.tokens == (1, 2, 3, 3, 1)
    assert best.frames == (3, 11, 12, 17, 31)


@pytest.mark.parametrize("seed", range(3))
def test_the_number_of_undecided_units_is_limited(seed):
    """Near ties persist without a limit; the limit decides them."""
    log_probs = random_log_probs(2, 1200, 30, seed=seed, peaky=5.0)
    lengths = {}
    for limit in (None, 40):
        beam = PrefixBeam(2, 10, fusion=None, max_undecided=limit)
        lengths[limit] = []
        for chunk in log_probs.split(16, dim=1):
            beam.advance(chunk, torch.tensor([16, 16]))
            for hypotheses, stable in zip(
                beam.hypotheses(), (units.stable for units in beam.partial())
            ):
                lengths[limit].append(len(hypotheses[0].tokens) - len(stable))
                assert all(h.tokens[: len(stable)] == stable for h in hypotheses)
                assert len({h.tokens for h in hypotheses}) == len(hypotheses)
                scores = [h.score for h in hypotheses]
                assert scores == sorted(scores, reverse=True)
    assert max(lengths[None]) > 100
    assert max(lengths[40]) == 40


def test_prefixes_that_disagree_with_decided_units_are_dropped():
    """Two prefixes differ only in their first unit, and the limit keeps the better one."""
    log_probs = torch.full((1, 60, 4), 1e-9)
    log_probs[0, ::2, 0] = 1.0
    log_probs[0, 1::2, 3] = 1.0
    log_probs[0, 1, 1:3] = torch.tensor([0.6, 0.4])
    log_probs[0, 1, 3] = 1e-9
    for limit, num_ends in [(None, 2), (10, 1)]:
        beam = PrefixBeam(1, 2, fusion=None, max_undecided=limit)
        for chunk in log_probs.log().split(6, dim=1):
            beam.advance(chunk, torch.tensor([6]))
        hypotheses = beam.hypotheses()[0]
        assert hypotheses[0].tokens == (1, *[3] * 29)
        assert len({h.tokens[0] for h in hypotheses}) == num_ends
        assert hypotheses[0].frames == tuple(range(1, 60, 2))


def test_streams_of_a_batch_restart_independently():
    log_probs = random_log_probs(3, 20, 5, seed=6)
    lens = torch.tensor([20, 12, 0])
    beam = PrefixBeam(3, beam_size=4, fusion=None)
    beam.advance(log_probs, lens)
    before = beam.hypotheses()
    beam.restart([1])
    assert [h.tokens for h in beam.hypotheses()[1]] == [()]
    assert beam.hypotheses()[0] == before[0]
    beam.advance(log_probs, torch.tensor([0, 20, 0]))
    fresh = PrefixBeam(1, beam_size=4, fusion=None)
    fresh.advance(log_probs[1:2], torch.tensor([20]))
    after = beam.hypotheses()
    assert [(h.tokens, h.frames) for h in after[1]] == [
        (h.tokens, h.frames) for h in fresh.hypotheses()[0]
    ]
    assert after[0] == before[0]
    assert [h.tokens for h in after[2]] == [()]


def test_a_stream_of_probability_zero_ends_without_hypotheses():
    beam = PrefixBeam(1, beam_size=3, fusion=None)
    impossible = torch.full((1, 2, 4), NEG_INF)
    beam.advance(impossible, torch.tensor([2]))
    assert beam.hypotheses() == [[]]
    assert beam.partial() == [((), ())]
    beam.advance(impossible.zero_().log_softmax(-1), torch.tensor([2]))
    assert beam.hypotheses() == [[]]
