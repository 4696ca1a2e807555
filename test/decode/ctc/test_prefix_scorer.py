"""CTC prefix scores against enumeration of all alignments and the algorithm of the paper."""

import itertools
import math

import pytest
import torch

from moeasr.decode.attention_beam import attention_beam_search
from moeasr.decode.ctc.prefix_scorer import CtcPrefixScorer
from moeasr.decode.step_scorer import WeightedScorer

SOS_EOS = 2
NEG_INF = float("-inf")


def random_log_probs(num_utts, num_frames, vocab_size, seed, peaky=2.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num_utts, num_frames, vocab_size, generator=generator, dtype=torch.float64)
    logits = logits * peaky
    logits[..., SOS_EOS] = NEG_INF  # CTC never emits <sos/eos>
    return logits.log_softmax(-1)


def enumerate_transcripts(log_probs):
    """Return transcript -> probability, the sum over all V^T alignments."""
    totals = {}
    for path in itertools.product(range(log_probs.size(1)), repeat=log_probs.size(0)):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token != 0)
        value = math.exp(sum(log_probs[t, c].item() for t, c in enumerate(path)))
        totals[tokens] = totals.get(tokens, 0.0) + value
    return totals


def log_add(*values):
    peak = max(values)
    return peak if peak == NEG_INF else peak + math.log(sum(math.exp(v - peak) for v in values))


def textbook_prefix_score(log_probs, prefix):
    """Return log psi of a prefix and its log-probability as a whole transcript (algorithm 2)."""
    frames = log_probs.tolist()
    gamma_n = [NEG_INF] * len(frames)
    gamma_b = [sum(frame[0] for frame in frames[: t + 1]) for t in range(len(frames))]
    psi = 0.0
    for place, token in enumerate(prefix):
        new_n = [frames[0][token] if place == 0 else NEG_INF]
        new_b = [NEG_INF]
        psi = new_n[0]
        for t in range(1, len(frames)):
            repeats = place > 0 and prefix[place - 1] == token
            phi = log_add(gamma_b[t - 1], NEG_INF if repeats else gamma_n[t - 1])
            new_b.append(log_add(new_b[t - 1], new_n[t - 1]) + frames[t][0])
            new_n.append(log_add(new_n[t - 1], phi) + frames[t][token])
            psi = log_add(psi, phi + frames[t][token])
        gamma_n, gamma_b = new_n, new_b
    return psi, log_add(gamma_n[-1], gamma_b[-1])


def test_prefix_scores_are_sums_over_all_alignments():
    num_frames, vocab_size = 5, 5
    log_probs = random_log_probs(2, num_frames, vocab_size, seed=1)
    enc_lens = torch.tensor([5, 4])
    scorer = CtcPrefixScorer(log_probs, enc_lens, SOS_EOS)
    transcripts = [enumerate_transcripts(x[:n]) for x, n in zip(log_probs, enc_lens)]

    def mass(utt, prefix):
        return math.fsum(p for t, p in transcripts[utt].items() if t[: len(prefix)] == prefix)

    for length in range(4):
        for prefix in itertools.product([1, 3, 4], repeat=length):
            scores, _ = scorer.step(
                torch.tensor([[SOS_EOS, *prefix]] * 2), torch.tensor([0, 1]), None
            )
            for utt in range(2):
                whole = mass(utt, prefix)
                if whole == 0:  # no search reaches this prefix
                    assert not scores[utt].isnan().any()
                    continue
                expected = [mass(utt, (*prefix, token)) / whole for token in range(vocab_size)]
                expected[0], expected[SOS_EOS] = 0.0, transcripts[utt].get(prefix, 0.0) / whole
                found = scores[utt].exp().tolist()
                assert found == pytest.approx(expected, abs=1e-12)
                assert math.fsum(found) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("peaky", [0.5, 4.0])
def test_scores_of_long_prefixes_equal_the_algorithm_of_the_paper(peaky):
    """Rows are permuted and utterances are removed, as in a search."""
    log_probs = random_log_probs(3, 40, 6, seed=3, peaky=peaky)
    enc_lens = torch.tensor([40, 25, 33])
    scorer = CtcPrefixScorer(log_probs, enc_lens, SOS_EOS)
    generator = torch.Generator().manual_seed(0)
    utts = torch.tensor([0, 0, 1, 1, 2, 2])
    prefixes, state = torch.full((6, 1), SOS_EOS), None
    for length in range(12):
        scores, state = scorer.step(prefixes, utts, state)
        for row, (utt, prefix) in enumerate(zip(utts.tolist(), prefixes[:, 1:].tolist())):
            valid = log_probs[utt, : enc_lens[utt]]
            before, end = textbook_prefix_score(valid, prefix)
            assert scores[row, SOS_EOS].item() == pytest.approx(end - before, abs=1e-9)
            assert scores[row, 0] == NEG_INF
            for token in (1, 3, 4, 5):
                psi, _ = textbook_prefix_score(valid, [*prefix, token])
                assert scores[row, token].item() == pytest.approx(psi - before, abs=1e-9)
        rows = torch.tensor([1, 0, 3, 3] if len(utts) == 4 else [1, 0, 2, 3, 5, 5])
        if length == 6:  # the second utterance has ended
            rows = torch.tensor([0, 1, 4, 5])
        tokens = torch.tensor([1, 3, 4, 5])[torch.randint(4, rows.shape, generator=generator)]
        prefixes = torch.cat([prefixes[rows], tokens[:, None]], dim=1)
        state, utts = scorer.select(state, rows), utts[rows]
    assert utts.tolist() == [0, 0, 2, 2]


def search(log_probs, enc_lens, beam_size):
    """Search with CTC alone."""
    scorer = CtcPrefixScorer(log_probs, enc_lens, SOS_EOS)
    return attention_beam_search(
        [WeightedScorer(scorer, 1.0, "ctc")],
        enc_lens,
        beam_size=beam_size,
        sos_eos=SOS_EOS,
        length_penalty=0.0,
        fusion=None,
    )


def test_beam_search_with_ctc_alone_finds_the_most_probable_transcripts():
    log_probs = random_log_probs(3, 6, 4, seed=5, peaky=1.0)
    enc_lens = torch.tensor([6, 3, 5])
    results = search(log_probs, enc_lens, 200)
    for utt, hypotheses in enumerate(results):
        expected = enumerate_transcripts(log_probs[utt, : enc_lens[utt]])
        expected = {tokens: math.log(p) for tokens, p in expected.items() if p > 0}
        # others have probability zero
        found = {h.tokens: h.score for h in hypotheses if h.score > -500}
        assert found == pytest.approx(expected, abs=1e-9)
        assert all(h.ctc_score == pytest.approx(h.score, abs=1e-12) for h in hypotheses)
        assert all(h.attention_score is None for h in hypotheses)


def test_units_and_prefixes_of_probability_zero():
    log_probs = torch.full((1, 4, 4), NEG_INF, dtype=torch.float64)
    for time, token in enumerate([3, 3, 0, 1]):
        log_probs[0, time, token] = 0.0
    scorer = CtcPrefixScorer(log_probs, torch.tensor([4]), SOS_EOS)
    prefixes = torch.tensor([[SOS_EOS, 3, 1], [SOS_EOS, 1, 1], [SOS_EOS, 3, 3]])
    scores, _ = scorer.step(prefixes, torch.zeros(3, dtype=torch.int64), None)
    assert [score > -500 for score in scores[0].tolist()] == [False, False, True, False]
    assert scores[0, SOS_EOS] == 0.0
    assert not scores.isnan().any()


def test_scores_over_a_long_utterance_in_float32_stay_exact():
    """Sums of log-probabilities over 400 frames with sharp peaks reach thousands.

    Even the most probable alignment of the prefix has a probability below the range of a double.
    """
    log_probs = random_log_probs(1, 400, 8, seed=2, peaky=8.0).float()
    log_probs[..., SOS_EOS] = -60.0
    tokens = [1, 3, 3, 4, 5, 1, 7, 6] * 20
    scorer = CtcPrefixScorer(log_probs, torch.tensor([400]), SOS_EOS)
    scores, _ = scorer.step(torch.tensor([[SOS_EOS, *tokens]]), torch.tensor([0]), None)
    before, end = textbook_prefix_score(log_probs[0].double(), tokens)
    assert math.exp(before) == 0.0
    assert scores[0, SOS_EOS].item() == pytest.approx(end - before, abs=1e-7)
    for token in (1, 6):
        psi, _ = textbook_prefix_score(log_probs[0].double(), [*tokens, token])
        assert scores[0, token].item() == pytest.approx(psi - before, abs=1e-7)


def test_an_utterance_has_the_same_scores_alone_and_in_a_batch():
    log_probs = random_log_probs(3, 30, 9, seed=8)
    enc_lens = torch.tensor([30, 11, 23])
    results = [
        search(x, lens, 4)
        for x, lens in [
            (log_probs, enc_lens),
            *((log_probs[i : i + 1, :n], torch.tensor([n])) for i, n in enumerate([30, 11, 23])),
        ]
    ]
    together, *alone = results
    for utt, (single,) in enumerate(alone):
        assert [h.tokens for h in single] == [h.tokens for h in together[utt]]
        scores = [h.score for h in together[utt]]
        assert [h.score for h in single] == pytest.approx(scores, abs=1e-9)
