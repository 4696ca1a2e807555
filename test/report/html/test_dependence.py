"""Mutual information of routes and labels, and its test by permutations."""

import math

import numpy as np
import pytest
from made_up_routes import routes_of

from moeasr.report.html.dependence import (
    entropy_bits,
    joint_counts,
    measure_dependence,
    mutual_information_bits,
    untestable_reason,
)
from moeasr.report.html.frame_labels import FrameLabels


def labels_of(ids, num_classes, is_of_utterance=False):
    classes = tuple(map(str, range(num_classes)))
    ids = np.array(ids)
    return FrameLabels(name="unit", classes=classes, ids=ids, is_of_utterance=is_of_utterance)


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        ([[5, 0], [0, 5]], 1.0),
        ([[2, 4], [3, 6]], 0.0),
        ([[4, 0, 0], [0, 2, 2]], 1.0),
        ([[3, 1], [1, 3]], 0.75 * math.log2(1.5) + 0.25 * math.log2(0.5)),
    ],
)
def test_known_values(counts, bits):
    assert mutual_information_bits(np.array(counts)) == pytest.approx(bits, abs=1e-14)


def test_entropies():
    assert entropy_bits(np.array([4, 4, 4, 4])) == 2.0
    assert entropy_bits(np.array([7, 0])) == 0.0
    assert entropy_bits(np.zeros(3)) == 0.0


def test_it_equals_the_sum_over_pairs():
    generator = np.random.default_rng(1)
    rows, columns = generator.integers(0, 4, 300), generator.integers(0, 7, 300)
    counts = joint_counts(rows, columns, (4, 7))
    total = 0.0
    for i in range(4):
        for j in range(7):
            both = np.mean((rows == i) & (columns == j))
            assert counts[i, j] == round(300 * both)
            if both:
                total += both * math.log2(both / np.mean(rows == i) / np.mean(columns == j))
    assert mutual_information_bits(counts) == pytest.approx(total, abs=1e-13)


@pytest.mark.parametrize("is_of_utterance", [False, True])
def test_only_a_dependent_layer_is_significant(is_of_utterance):
    """One layer follows the label; the other one depends on nothing."""
    generator = np.random.default_rng(2)
    lens = [50] * 16
    num = 16 if is_of_utterance else 800
    ids = np.repeat(generator.integers(0, 4, num), 800 // num)
    routes = routes_of([ids, generator.integers(0, 4, 800)], lens)
    dependent, free = measure_dependence(routes, labels_of(ids, 4, is_of_utterance), 99)
    assert dependent.bits == pytest.approx(entropy_bits(np.bincount(ids)), abs=1e-13)
    assert dependent.p_value == 1 / 100
    assert dependent.share == pytest.approx(1 - dependent.chance_bits / dependent.bits, abs=1e-13)
    assert free.p_value > 0.05 and free.share < 0.01
    assert free.bits > 0  # the bias that permutations remove


def test_neighbours_that_are_alike_are_no_evidence():
    """Two sequences that stay for ten frames, and depend on nothing else, look dependent."""
    found = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        blocks = np.repeat(generator.integers(0, 4, (2, 2, 20)), 10, axis=2)
        turned = [[np.roll(row, generator.integers(200)) for row in pair] for pair in blocks]
        route, ids = np.array(turned).reshape(2, 400)
        (one,) = measure_dependence(routes_of([route], [200, 200]), labels_of(ids, 4), 39)
        found.append(one.p_value)
    assert sum(p <= 0.05 for p in found) <= 4  # nearly all 20 if single frames were permuted


def test_frames_without_a_label_take_no_part():
    ids = [0, 1, -1, 1, 0, -1]
    (one,) = measure_dependence(routes_of([[0, 1, 3, 1, 0, 3]], [3, 3]), labels_of(ids, 2), 9)
    assert one.counts.tolist() == [[2, 0], [0, 2], [0, 0], [0, 0]] and one.bits == 1.0


@pytest.mark.parametrize(
    ("ids", "is_of_utterance", "reason"),
    [
        ([-1, -1, -1], False, "no frame has a unit."),
        ([1, 1, -1], False, "all frames have the same unit."),
        ([0, 0, 1], True, "every utterance has a unit of its own"),
        ([0, 1, 1], False, None),
    ],
)
def test_labels_that_cannot_be_tested_are_named(ids, is_of_utterance, reason):
    routes = routes_of([[0, 0, 0]], [2, 1])
    found = untestable_reason(labels_of(ids, 2, is_of_utterance), routes)
    assert found is None if reason is None else found.startswith(reason)
