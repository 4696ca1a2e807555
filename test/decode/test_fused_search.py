"""Prefix beam search with a language model and phrases against slow references."""

import math
from collections import defaultdict

import pytest
import torch
from textbook import NEG_INF, Memory, enumerate_prefixes, log_add, random_log_probs

from moeasr.decode.ctc import prefix_beam
from moeasr.decode.ctc.prefix_beam import PrefixBeam, ctc_prefix_beam_search


def slow_fused_search(log_probs, beam_size, num_units, memory, blank=0):
    """Search frame by frame with dictionaries of prefixes.

    Every prefix may stay as it is. It may be extended by the most probable units of the frame, and
    by units that lead to another prefix of the beam.
    """
    beam = {(): (0.0, NEG_INF)}
    for frame in log_probs.tolist():
        units = sorted((n for n in range(len(frame)) if n != blank), key=lambda n: -frame[n])
        following = defaultdict(lambda: (NEG_INF, NEG_INF))
        for prefix, (p_blank, p_unit) in beam.items():
            total = log_add(p_blank, p_unit)
            b, u = following[prefix]
            stays = p_unit + frame[prefix[-1]] if prefix else NEG_INF
            following[prefix] = (log_add(b, total + frame[blank]), log_add(u, stays))
            for unit in range(len(frame)):
                grown = (*prefix, unit)
                if unit == blank or not (unit in units[:num_units] or grown in beam):
                    continue
                before = p_blank if prefix and unit == prefix[-1] else total
                b, u = following[grown]
                following[grown] = (b, log_add(u, before + frame[unit]))
        ranked = sorted(
            following, key=lambda p: log_add(*following[p]) + memory.score(p)[0], reverse=True
        )
        beam = {prefix: following[prefix] for prefix in ranked[:beam_size]}
    totals = {prefix: log_add(*scores) for prefix, scores in beam.items()}
    found = [(p, ctc, memory.final(p)) for p, ctc in totals.items() if ctc > NEG_INF]
    return sorted(found, key=lambda item: item[1] + item[2], reverse=True)


def assert_same(hypotheses, expected):
    assert [h.tokens for h in hypotheses] == [prefix for prefix, _, _ in expected]
    for hypothesis, (_, ctc, fusion) in zip(hypotheses, expected):
        assert hypothesis.ctc_score == pytest.approx(ctc, abs=1e-9)
        assert hypothesis.fusion_score == pytest.approx(fusion, abs=1e-9)
        assert hypothesis.score == hypothesis.ctc_score + hypothesis.fusion_score


@pytest.mark.parametrize("beam_size", [1, 3, 8])
@pytest.mark.parametrize("num_units", [2, 4, 20])
@pytest.mark.parametrize("peaky", [0.5, 2.0])
def test_the_search_equals_the_slow_reference(monkeypatch, fusion, beam_size, num_units, peaky):
    monkeypatch.setattr(prefix_beam, "NUM_FUSION_UNITS", num_units)
    log_probs = random_log_probs(6, 16, 7, seed=beam_size, peaky=peaky)
    enc_lens = torch.tensor([16, 0, 11, 16, 1, 16])
    results = ctc_prefix_beam_search(log_probs, enc_lens, beam_size, fusion=fusion)
    memory = Memory(fusion)
    for utt, hypotheses in enumerate(results):
        valid = log_probs[utt, : enc_lens[utt]]
        assert_same(hypotheses, slow_fused_search(valid, beam_size, num_units, memory))


def test_a_beam_that_holds_all_prefixes_equals_enumeration(fusion):
    log_probs = random_log_probs(1, 3, 7, seed=1)
    (hypotheses,) = ctc_prefix_beam_search(log_probs, torch.tensor([3]), 300, fusion=fusion)
    assert len(hypotheses) < 300
    memory = Memory(fusion)
    totals = enumerate_prefixes(log_probs[0])
    expected = [(prefix, math.log(p), memory.final(prefix)) for prefix, p in totals.items()]
    assert_same(hypotheses, sorted(expected, key=lambda item: item[1] + item[2], reverse=True))


def test_a_fusion_changes_the_best_hypothesis(fusion):
    log_probs = random_log_probs(40, 12, 7, seed=9, peaky=1.5)
    enc_lens = torch.full((40,), 12)
    fused = ctc_prefix_beam_search(log_probs, enc_lens, 8, fusion=fusion)
    plain = ctc_prefix_beam_search(log_probs, enc_lens, 8, fusion=None)
    assert sum(a[0].tokens != b[0].tokens for a, b in zip(fused, plain)) > 10


@pytest.mark.parametrize("num_frames", [1, 5])
def test_chunks_do_not_change_results_and_partial_results_exclude_the_end(fusion, num_frames):
    log_probs = random_log_probs(3, 20, 7, seed=4, peaky=2.0)
    beam = PrefixBeam(3, 6, fusion=fusion)
    memory = Memory(fusion)
    for chunk in log_probs.split(num_frames, dim=1):
        beam.advance(chunk, torch.full((3,), chunk.size(1)))
        for hypotheses, units in zip(beam.hypotheses(), beam.partial()):
            for h in hypotheses:
                assert h.fusion_score == pytest.approx(memory.score(h.tokens)[0], abs=1e-9)
            best = max(hypotheses, key=lambda h: h.ctc_score + memory.score(h.tokens)[0])
            assert units.stable + units.undecided == hypotheses[0].tokens == best.tokens
    whole = ctc_prefix_beam_search(log_probs, torch.full((3,), 20), 6, fusion=fusion)
    for ours, expected in zip(beam.hypotheses(is_final=True), whole):
        assert [(h.tokens, h.score) for h in ours] == [
            (h.tokens, pytest.approx(h.score, abs=1e-9)) for h in expected
        ]
    beam.restart([0, 1, 2])
    beam.advance(log_probs, torch.full((3,), 20))
    again = beam.hypotheses(is_final=True)
    assert [h.tokens for h in again[2]] == [h.tokens for h in whole[2]]
