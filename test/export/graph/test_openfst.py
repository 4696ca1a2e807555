"""Acceptors in OpenFst: composition adds scores, and the file is that of sherpa-onnx."""

import sys

import pytest
from graph_paths import NEVER, Paths

from moeasr.errors import InputError
from moeasr.export.graph.acceptor import EPSILON, Acceptor
from moeasr.export.graph.openfst import compose, load_kaldifst, minimize, write_fst


def make(num_states, arcs, finals):
    acceptor = Acceptor()
    acceptor.num_states = num_states
    for arc in arcs:
        acceptor.add_arc(*arc)
    acceptor.finals.update(finals)
    return acceptor


def test_without_kaldifst_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kaldifst", None)
    with pytest.raises(InputError, match=r"needs the package kaldifst.*\.\[deploy\]"):
        load_kaldifst()


def test_a_composition_adds_scores():
    pytest.importorskip("kaldifst", reason="the optional package kaldifst is not installed")
    first = make(2, [(0, 3, -1.0, 1), (1, 3, -2.0, 1), (1, EPSILON, -0.5, 0)], {1: -0.25})
    second = make(2, [(0, 3, 0.5, 0), (0, EPSILON, -4.0, 1), (1, 3, 8.0, 1)], {0: 0.0, 1: -1.0})
    paths = Paths(compose(first, second))
    assert paths.best([3]) == -1.0 - 0.25 + 8.0 - 4.0 - 1.0
    assert paths.best([3, 3]) == -1.0 - 0.5 - 1.0 - 0.25 + 16.0 - 5.0
    assert paths.best([]) == paths.best([4]) == NEVER


def test_equivalent_states_are_merged():
    pytest.importorskip("kaldifst", reason="the optional package kaldifst is not installed")
    # two words with the same end, from states 1 and 3
    arcs = [(0, 3, -1.0, 1), (1, 4, -0.25, 2), (0, 5, -2.0, 3), (3, 4, -0.25, 2), (2, 6, 0.5, 0)]
    small = minimize(make(4, arcs, {2: -0.125}))
    assert (small.num_states, small.num_arcs) == (3, 4)
    paths = Paths(small)
    assert paths.best([3, 4]) == -1.375
    assert paths.best([5, 4, 6, 3, 4]) == -2.0 - 0.25 + 0.5 - 1.375
    assert paths.best([3]) == NEVER


def test_a_written_graph_has_costs_and_no_output_labels(tmp_path):
    kaldifst = pytest.importorskip("kaldifst", reason="the package kaldifst is not installed")
    useless = [(0, 2, 0.0, 2)]
    graph = make(3, [(0, 4, -1.5, 1), (0, 1, 0.25, 0), *useless], {1: -2.0})
    assert write_fst(graph, tmp_path / "graph.fst") == (2, 2)
    fst = kaldifst.StdVectorFst.read(str(tmp_path / "graph.fst"))
    arcs = [(a.ilabel, a.olabel, a.weight.value) for a in kaldifst.ArcIterator(fst, fst.start)]
    assert arcs == [(1, 0, -0.25), (4, 0, 1.5)]
    assert fst.final(1).value == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["graph.fst"]
