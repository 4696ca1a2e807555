"""Bootstrap intervals: known cases, coverage of theory, repeatability, memory blocks."""

import time

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.score import bootstrap
from moeasr.score.bootstrap import bootstrap_interval, resampled_sums


def test_equal_utterances_leave_no_doubt() -> None:
    assert bootstrap_interval([1] * 50, [10] * 50) == (10.0, 10.0)


def test_two_utterances_by_hand() -> None:
    # the draws are {a,a}, {a,b}, {b,b} with shares 1/4, 1/2, 1/4: both tails hold 25 %
    assert bootstrap_interval([0, 3], [10, 10]) == (0.0, 30.0)
    low, high = bootstrap_interval([0, 3], [10, 10], level=0.4)
    assert (low, high) == (15.0, 15.0)


def test_the_ends_cut_off_a_fortieth_of_the_draws_of_utterances_on_each_side() -> None:
    """Of 16 utterances of five words 8 are all wrong: a draw holds Binomial(16, 1/2) of these.

    Three or fewer have the probability 0.011, four or fewer 0.038 (and five or fewer 0.105, so the
    interval of 90 % would end at five). Ten thousand draws tell these shares to 0.002. Drawing the
    80 words instead, Binomial(80, 1/2), would end at 31 words, which are 39 %.
    """
    errors, lengths = [0, 5] * 8, [5] * 16
    assert bootstrap_interval(errors, lengths) == (25.0, 75.0)
    assert bootstrap_interval(errors, lengths, level=0.9) == (31.25, 68.75)


def test_seed_decides() -> None:
    errors, lengths = [0, 1, 2, 5, 0, 1], [3, 9, 7, 8, 2, 6]
    first = bootstrap_interval(errors, lengths, num_resamples=50, seed=1)
    assert first == bootstrap_interval(errors, lengths, num_resamples=50, seed=1)
    assert first != bootstrap_interval(errors, lengths, num_resamples=50, seed=2)


def test_draws_that_all_lack_reference_words_are_named() -> None:
    lengths = [1] + [0] * 9
    seed = next(
        seed for seed in range(99) if not resampled_sums(np.array([lengths]), 1, seed).any()
    )
    with pytest.raises(InputError, match="none of 1 bootstrap draws holds a reference word"):
        bootstrap_interval([0] * 10, lengths, num_resamples=1, seed=seed)


def test_draws_without_reference_words_have_no_rate() -> None:
    assert bootstrap_interval([1, 1], [0, 2]) == (50.0, 100.0)


def test_sums_by_a_slow_twin_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([[1, 20, 300], [4, 50, 600]])
    drawn = np.random.default_rng(9).integers(0, 3, size=(7, 3), dtype=np.int32)
    slow = [[sum(int(row[i]) for i in draw) for draw in drawn] for row in values]
    assert resampled_sums(values, 7, seed=9).tolist() == slow
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 6)  # blocks of 2, 2, 2 and 1 draws
    assert resampled_sums(values, 7, seed=9).tolist() == slow


def test_ten_thousand_draws_of_a_large_set_are_quick() -> None:
    start = time.process_time()
    bootstrap_interval([1] * 2620, [20] * 2620)
    assert time.process_time() - start < 5.0
