"""The CTC topology: a sequence of frames has the score of the units that it collapses to."""

import random
from itertools import groupby, product

import pytest
from fusion_scores import TEXTS, word_model
from graph_paths import NEVER, Paths

from moeasr.decode.fusion.ngram import NgramWeights, WordNgram
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.export.graph.acceptor import BLANK_LABEL, EPSILON, Acceptor
from moeasr.export.graph.backoff import BackoffTable
from moeasr.export.graph.phrase_graph import phrase_acceptor
from moeasr.export.graph.topology import ctc_topology
from moeasr.export.graph.word_graph import word_acceptor
from moeasr.text.build_tokenizer import build_tokenizer


def collapse(frames):
    return [label for label, _ in groupby(frames) if label != BLANK_LABEL]


def check(acceptor, sequences):
    """Compare the graph with the acceptor; return the number of sequences with a path."""
    units, frames = Paths(acceptor), Paths(ctc_topology(acceptor))
    found = 0
    for sequence in sequences:
        score = units.best(collapse(sequence))
        assert frames.best(sequence) == pytest.approx(score, abs=1e-9), sequence
        found += score > NEVER
    return found


def test_all_sequences_of_a_small_acceptor():
    acceptor = Acceptor()
    acceptor.num_states = 4
    for arc in [
        (0, 2, -1.0, 1),
        (0, 3, -2.0, 0),
        (1, 2, -0.5, 2),
        (1, EPSILON, -0.25, 0),
        (2, EPSILON, -0.75, 3),
        (3, 2, -3.0, 3),
        (3, 3, -0.125, 1),
    ]:
        acceptor.add_arc(*arc)
    acceptor.finals.update({1: -0.5, 3: 0.0})
    sequences = [s for length in range(7) for s in product((1, 2, 3), repeat=length)]
    assert check(acceptor, sequences) > 500


def random_frames(labels, rng, count):
    for _ in range(count):
        frames = []
        for _ in range(rng.randrange(8)):
            frames += [rng.choice([BLANK_LABEL, *labels])] * rng.choice([1, 1, 2])
        yield frames


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_a_language_model(kind):
    tokenizer = build_tokenizer(TEXTS, kind, 12 if kind == "bpe" else None)
    ngram = WordNgram(word_model(3), NgramWeights(0.7, 1.3, -10.0), tokenizer)
    acceptor = word_acceptor(ngram, BackoffTable(ngram.network.automaton))
    labels = [n for n in range(2, tokenizer.vocab_size + 1) if n != 3]  # not <sos/eos>
    assert check(acceptor, random_frames(labels, random.Random(1), 300)) == 300


def test_phrases_of_many_units():
    """States after one of many units share copies of their arcs."""
    letters = [chr(ord("A") + n) for n in range(26)] + [chr(ord("a") + n) for n in range(26)]
    tokenizer = build_tokenizer([" ".join(letters)], "char")
    acceptor = phrase_acceptor(ContextGraph([Phrase("AB", 1.5), Phrase("BBA", 0.5)], tokenizer))
    labels = [n for n in range(2, tokenizer.vocab_size + 1) if n != 3]
    sequences = [[*frames, *frames] for frames in random_frames(labels[-8:], random.Random(1), 200)]
    sequences += [[tokenizer.encode(x)[0] + 1 for x in "AABB"], *([n, n] for n in labels)]
    assert check(acceptor, sequences) == len(sequences)
    assert ctc_topology(acceptor).num_arcs < acceptor.num_arcs * 12


def test_the_number_of_arcs_is_not_the_square_of_the_number_of_units():
    acceptor, num_units = Acceptor(), 3000
    acceptor.add_state()
    for unit in range(num_units):
        acceptor.add_arc(0, unit + 2, 0.0, 0)
    acceptor.finals[0] = 0.0
    assert ctc_topology(acceptor).num_arcs < 30 * num_units
