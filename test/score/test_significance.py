"""Paired significance tests for equal, different and known errors."""

import math

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.score.alignment import Counts
from moeasr.score.significance import matched_pairs, paired_bootstrap, paired_errors


def test_a_system_does_not_differ_from_itself() -> None:
    errors, lengths = [0, 2, 1, 0, 5], [5, 6, 7, 8, 9]
    result = paired_bootstrap(errors, errors, lengths)
    assert (result.difference, result.interval) == (0.0, (0.0, 0.0))
    assert (result.prob_b_better, result.p_value) == (0.5, 1.0)
    test = matched_pairs(errors, errors)
    assert (test.mean_difference, test.z, test.p_value) == (0.0, 0.0, 1.0)


def test_one_error_less_in_every_utterance_is_significant() -> None:
    result = paired_bootstrap([1] * 40, [0] * 40, [10] * 40, num_resamples=1000)
    assert result.difference == pytest.approx(-10.0)
    assert result.interval == pytest.approx((-10.0, -10.0))
    assert result.prob_b_better == 1.0
    assert result.p_value == pytest.approx(2 / 1001)
    assert matched_pairs([1] * 40, [0] * 40).z == -math.inf
    assert matched_pairs([1] * 40, [0] * 40).p_value == 0.0


def test_paired_bootstrap_of_four_utterances() -> None:
    """B is better by one word in three utterances of four, and worse by one word in the fourth.

    Among the four sampled utterances, the fourth one appears J times, with J ~ Binomial(4, 1/4): 0,
    1, 2, 3 or more have the probabilities 0.316, 0.422, 0.211, 0.051. The difference is 2 J - 4
    errors. With ten thousand samples, four standard deviations of a probability are 0.02.
    """
    result = paired_bootstrap([1, 1, 1, 0], [0, 0, 0, 1], [5, 4, 1, 10])
    assert result.difference == -10.0  # 2 of 20 words
    assert result.prob_b_better == pytest.approx(0.316 + 0.422 + 0.211 / 2, abs=0.02)
    assert result.p_value == pytest.approx(2 * (0.211 + 0.051), abs=0.04)  # two-sided


def test_the_interval_of_a_difference_excludes_2_5_percent_on_each_side() -> None:
    """As in `test_bootstrap.py`, 8 of 16 utterances have five errors, here only those of A."""
    result = paired_bootstrap([0, 5] * 8, [0] * 16, [5] * 16)
    assert (result.difference, result.interval) == (-50.0, (-75.0, -25.0))


def test_the_number_of_samples_and_the_seed_determine_the_result() -> None:
    a, b, lengths = [0, 1, 2, 5, 0, 1], [1, 0, 4, 1, 0, 1], [3, 9, 7, 8, 2, 6]
    first = paired_bootstrap(a, b, lengths, num_resamples=50, seed=1)
    assert first == paired_bootstrap(a, b, lengths, num_resamples=50, seed=1)
    assert first != paired_bootstrap(a, b, lengths, num_resamples=50, seed=2)
    low, high = paired_bootstrap(a, b, lengths, num_resamples=1).interval
    assert low == high


def test_matched_pairs_of_five_utterances() -> None:
    # d = 1 1 1 1 0: mean 0.8, variance 0.2, Z = 0.8 / sqrt(0.2 / 5) = 4
    test = matched_pairs([0, 0, 0, 0, 0], [1, 1, 1, 1, 0])
    assert test.mean_difference == pytest.approx(0.8)
    assert test.z == pytest.approx(4.0)
    assert test.p_value == pytest.approx(6.334e-5, rel=1e-3)  # 2 (1 - Phi(4))
    with pytest.raises(InputError, match="at least two"):
        matched_pairs([1], [0])


def test_swapping_the_systems_changes_the_signs() -> None:
    generator = np.random.default_rng(0)
    lengths = [10] * 200
    a, b = generator.binomial(10, 0.3, 200).tolist(), generator.binomial(10, 0.25, 200).tolist()
    ab, ba = paired_bootstrap(a, b, lengths), paired_bootstrap(b, a, lengths)
    assert ab.difference == pytest.approx(-ba.difference)
    assert ab.interval == pytest.approx((-ba.interval[1], -ba.interval[0]))
    assert ab.p_value == ba.p_value
    assert ab.prob_b_better == pytest.approx(1 - ba.prob_b_better)
    assert matched_pairs(a, b).z == pytest.approx(-matched_pairs(b, a).z)


def test_both_tests_agree_on_a_moderate_difference() -> None:
    # d: 80 times -1, 56 times 1, 264 times 0: Z = -0.06 / sqrt(0.3372 / 400) = -2.066
    a, b = [1] * 400, [0] * 80 + [2] * 56 + [1] * 264
    test = matched_pairs(a, b)
    assert test.z == pytest.approx(-2.066, abs=1e-3)
    assert test.p_value == pytest.approx(0.0388, abs=1e-4)
    assert paired_bootstrap(a, b, [10] * 400).p_value == pytest.approx(0.0388, rel=0.25)


def test_equal_systems_rarely_differ_significantly() -> None:
    generator = np.random.default_rng(7)
    lengths, rejected = [10] * 100, 0
    for seed in range(100):
        a, b = generator.binomial(10, 0.2, (2, 100)).tolist()
        rejected += paired_bootstrap(a, b, lengths, num_resamples=500, seed=seed).p_value < 0.05
    assert 0 < rejected < 15  # 5 are expected


def test_paired_tests_need_the_same_references() -> None:
    a = {"u": Counts(hits=2), "v": Counts(hits=1, subs=1, ins=3)}
    b = {"v": Counts(hits=2), "u": Counts(dels=2)}
    assert paired_errors(a, b) == ([0, 4], [2, 0], [2, 2])
    with pytest.raises(InputError, match="only one of the two systems has utterance 'v'"):
        paired_errors(a, {"u": Counts(hits=2)})
    with pytest.raises(InputError, match="different references of utterance 'u'"):
        paired_errors(a, b | {"u": Counts(hits=3)})
