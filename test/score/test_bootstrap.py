"""Bootstrap intervals: known cases, theoretical coverage, seeds, and bounded memory."""

import time

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.score import bootstrap
from moeasr.score.bootstrap import bootstrap_interval, resampled_sums


def test_the_interval_of_equal_utterances_has_no_width() -> None:
    assert bootstrap_interval([1] * 50, [10] * 50) == (10.0, 10.0)


def test_the_interval_of_two_utterances() -> None:
    # The samples are {a,a}, {a,b}, {b,b} with probabilities 1/4, 1/2, 1/4. Both tails have 25 %.
    assert bootstrap_interval([0, 3], [10, 10]) == (0.0, 30.0)
    low, high = bootstrap_interval([0, 3], [10, 10], level=0.4)
    assert (low, high) == (15.0, 15.0)


def test_the_interval_excludes_2_5_percent_of_the_samples_on_each_side() -> None:
    """8 of 16 utterances have five errors in five words; a sample has Binomial(16, 1/2) of them.

    Three or fewer have the probability 0.011, four or fewer 0.038, and five or fewer 0.105. An
    interval of 90 % would thus end at five. Ten thousand samples give these probabilities to within
    0.002. If the 80 words were sampled instead, Binomial(80, 1/2), the interval would end at 31
    words, which are 39 %.
    """
    errors, lengths = [0, 5] * 8, [5] * 16
    assert bootstrap_interval(errors, lengths) == (25.0, 75.0)
    assert bootstrap_interval(errors, lengths, level=0.9) == (31.25, 68.75)


def test_the_seed_determines_the_interval() -> None:
    errors, lengths = [0, 1, 2, 5, 0, 1], [3, 9, 7, 8, 2, 6]
    first = bootstrap_interval(errors, lengths, num_resamples=50, seed=1)
    assert first == bootstrap_interval(errors, lengths, num_resamples=50, seed=1)
    assert first != bootstrap_interval(errors, lengths, num_resamples=50, seed=2)


def test_it_is_an_error_if_no_sample_has_reference_words() -> None:
    lengths = [1] + [0] * 9
    seed = next(
        seed for seed in range(99) if not resampled_sums(np.array([lengths]), 1, seed).any()
    )
    with pytest.raises(InputError, match="none of 1 bootstrap samples contains a reference word"):
        bootstrap_interval([0] * 10, lengths, num_resamples=1, seed=seed)


def test_references_without_words_have_no_rate_to_compare() -> None:
    with pytest.raises(InputError, match="^no reference contains a word, so there are no error"):
        bootstrap_interval([1, 2], [0, 0])


def test_samples_without_reference_words_are_ignored() -> None:
    assert bootstrap_interval([1, 1], [0, 2]) == (50.0, 100.0)


def test_sums_equal_a_slow_reference_and_do_not_depend_on_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.array([[1, 20, 300], [4, 50, 600]])
    drawn = np.random.default_rng(9).integers(0, 3, size=(7, 3), dtype=np.int32)
    slow = [[sum(int(row[i]) for i in draw) for draw in drawn] for row in values]
    assert resampled_sums(values, 7, seed=9).tolist() == slow
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 6)  # blocks of 2, 2, 2 and 1 samples
    assert resampled_sums(values, 7, seed=9).tolist() == slow


def test_ten_thousand_samples_of_a_large_set_are_fast() -> None:
    start = time.process_time()
    bootstrap_interval([1] * 2620, [20] * 2620)
    assert time.process_time() - start < 5.0
