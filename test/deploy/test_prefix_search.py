"""Prefix search without torch, against the search in torch and the textbook."""

import math

import numpy as np
import pytest
import torch
from textbook import NEG_INF, enumerate_prefixes, random_log_probs

from moeasr.decode.ctc.prefix_beam import PrefixBeam, ctc_prefix_beam_search
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.deploy.phrase_scorer import PhraseScorer
from moeasr.deploy.prefix_search import PrefixSearch
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

LETTERS = ["\u2581", "A", "B", "C", "\u2581A"]


def searched(log_probs, beam_size, chunk=None, **options):
    """Return the hypotheses of (T', V) log-probabilities, searched in chunks."""
    search = PrefixSearch(beam_size, **options)
    size = chunk or len(log_probs)
    for first in range(0, len(log_probs), size):
        part = log_probs[None, first : first + size]
        search.advance(part, np.array([part.shape[1]]))
    return search.hypotheses(is_final=True)[0]


@pytest.mark.parametrize("peaky", [1.0, 4.0])
@pytest.mark.parametrize(("vocab_size", "beam_size"), [(3, 4), (5, 1), (30, 10), (200, 3), (4, 50)])
def test_hypotheses_and_scores_equal_those_of_the_search_in_torch(vocab_size, beam_size, peaky):
    for seed in range(5):
        log_probs = random_log_probs(1, 40, vocab_size, seed, peaky)
        ((*expected,),) = ctc_prefix_beam_search(log_probs, torch.tensor([40]), beam_size, None)
        found = searched(log_probs[0].numpy(), beam_size)
        assert [h.tokens for h in found] == [h.tokens for h in expected]
        assert [h.score for h in found] == pytest.approx([h.score for h in expected], abs=1e-9)
        assert all(h.ctc_score == h.score and h.fusion_score is None for h in found)


def test_a_wide_beam_sums_over_all_alignments():
    log_probs = random_log_probs(1, 5, 3, seed=1)[0]
    expected = enumerate_prefixes(log_probs)
    found = {h.tokens: math.exp(h.score) for h in searched(log_probs.numpy(), 500)}
    assert found == pytest.approx(dict(expected))


@pytest.mark.parametrize("beam_size", [1, 4, 10])
def test_boosted_phrases_give_the_scores_of_the_search_in_torch(beam_size):
    tokenizer = Tokenizer(TokenizerConfig(type="char"), ["<blank>", "<unk>", "<sos/eos>", *LETTERS])
    phrases = [Phrase("AB", 2.0), Phrase("BAB C", 1.5), Phrase("C", 0.7)]
    graph, scorer = ContextGraph(phrases, tokenizer), PhraseScorer(phrases, tokenizer)
    for seed in range(4):
        log_probs = random_log_probs(1, 40, tokenizer.vocab_size, seed, 1.0)
        ((*expected,),) = ctc_prefix_beam_search(log_probs, torch.tensor([40]), beam_size, graph)
        found = searched(log_probs[0].numpy(), beam_size, chunk=9, phrases=scorer)
        assert [h.tokens for h in found] == [h.tokens for h in expected]
        for name in ("score", "ctc_score", "fusion_score"):
            ours, theirs = ([getattr(h, name) for h in part] for part in (found, expected))
            assert ours == pytest.approx(theirs, abs=1e-9)
        assert any(h.fusion_score for h in found)


@pytest.mark.parametrize("chunk", [1, 7, 16])
def test_results_do_not_depend_on_the_chunks(chunk):
    log_probs = random_log_probs(1, 64, 12, seed=3, peaky=3.0)
    whole = searched(log_probs[0].numpy(), 6)
    assert searched(log_probs[0].numpy(), 6, chunk) == whole
    ours, theirs = PrefixSearch(6), PrefixBeam(1, 6, None)
    for part in log_probs.split(chunk, dim=1):
        lens = torch.tensor([part.size(1)])
        ours.advance(part.numpy(), lens.numpy())
        theirs.advance(part, lens)
        assert ours.partial()[0] == theirs.partial()[0]


def test_the_number_of_undecided_units_is_limited():
    # two prefixes that differ in their first unit remain equally likely for ever
    log_probs = np.full((1, 50, 4), math.log(0.001))
    log_probs[0, :, 3] = log_probs[0, 1::2, 0] = math.log(0.99)
    log_probs[0, 1::2, 3] = math.log(0.001)
    log_probs[0, 0] = [math.log(0.01), math.log(0.49), math.log(0.49), math.log(0.01)]
    free, short = searched(log_probs[0], 2), searched(log_probs[0], 2, chunk=10, max_undecided=4)
    assert free[0].tokens[0] != free[1].tokens[0]
    assert free[0].tokens == short[0].tokens
    assert len({h.tokens[0] for h in short}) == 1


def test_impossible_units_and_streams_without_frames():
    log_probs = np.array([[NEG_INF, 0.0, NEG_INF], [0.0, NEG_INF, NEG_INF]])
    assert [(h.tokens, h.score) for h in searched(log_probs, 4)] == [((1,), 0.0)]
    (nothing,) = PrefixSearch(4).hypotheses()
    assert [(h.tokens, h.score) for h in nothing] == [((), 0.0)]
    assert searched(np.full((2, 3), NEG_INF), 4) == []
