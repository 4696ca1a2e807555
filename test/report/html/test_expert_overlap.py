"""The frames that experts of two layers, or of two checkpoints, share."""

import dataclasses

import numpy as np
import pytest
from made_up_routes import routes_of

from moeasr.report.html.expert_overlap import (
    agreement,
    closest_experts,
    jaccard,
    layer_relations,
    relation,
)

FIRST = [[0, 0, 1, 1, 2, 2, 3, 3], [3, 3, 2, 2, 1, 1, 0, 0], [0, 1, 0, 1, 0, 1, 0, 1]]


def test_overlap_is_shared_frames_over_frames_of_either():
    counts = np.array([[2, 1], [0, 3]])
    np.testing.assert_array_equal(jaccard(counts), [[2 / 3, 1 / 6], [0, 3 / 4]])
    np.testing.assert_array_equal(jaccard(np.array([[0, 0], [0, 4]])), [[0, 0], [0, 1]])


def test_a_relation_does_not_depend_on_the_numbers_of_experts():
    found = layer_relations(routes_of(FIRST, [4, 4]))
    np.testing.assert_allclose(found, [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-14)
    assert relation(np.array([[5, 3], [0, 0]])) == 0.0  # an entropy of zero


def test_the_closest_experts_come_first():
    pairs = closest_experts(routes_of(FIRST, [8]), 5)
    assert [pair[:4] for pair in pairs[:4]] == [
        ("layer0", expert, "layer1", 3 - expert) for expert in range(4)
    ]
    assert [pair.overlap for pair in pairs] == pytest.approx([1, 1, 1, 1, 0.2])
    assert pairs[0].num_frames == 2


def test_agreement_counts_frames_with_the_same_expert():
    routes = routes_of(FIRST, [8])
    other = dataclasses.replace(routes, first=routes.first[[0, 0, 2]])
    assert agreement(routes, other) == [1.0, 0.0, 1.0]
