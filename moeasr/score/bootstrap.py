"""Confidence interval of an error rate by resampling utterances.

The method is that of Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR
performance evaluation", ICASSP 2004. Each of many bootstrap samples consists of N of the N
utterances with replacement, and gives an error rate. The interval covers the middle 95 % of these
error rates.
Utterances are sampled instead of words, because words of one utterance are not independent.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from moeasr.errors import InputError

# Indices in memory at a time: 10 million 32-bit indices are 40 MB, for test sets of any size.
_DRAWS_AT_ONCE = 10_000_000


def bootstrap_interval(
    num_errors: Sequence[int],
    num_ref: Sequence[int],
    level: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Compute the confidence interval of the error rate, in percent.

    Args:
        num_errors: (N,) number of errors in each utterance.
        num_ref: (N,) number of reference tokens in each utterance, not all zero.
        level: Fraction of the resampled error rates inside the interval.
        num_resamples: Number of bootstrap samples.
        seed: Seed of the random generator.

    Returns:
        Lower and upper end.

    Raises:
        InputError: Every draw consists of utterances with empty references.
    """
    errors, words = resampled_rates(np.array([num_errors, num_ref]), num_resamples, seed)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(100.0 * errors / words, [tail, 100.0 - tail])
    return float(low), float(high)


def resampled_rates(values: np.ndarray, num_resamples: int, seed: int) -> np.ndarray:
    """Compute `resampled_sums` and drop the samples without reference tokens.

    Args:
        values: (2, N) errors and reference tokens of N utterances.
        num_resamples: Number R of bootstrap samples with N utterances each.
        seed: Seed of the random generator.

    Returns:
        (2, r) sums of the samples with at least one reference token.

    Raises:
        InputError: There is no such sample.
    """
    if not values[1].any():
        raise InputError("no reference contains a word, so there are no error rates to compare")
    sums = resampled_sums(values, num_resamples, seed)  # (2, R)
    kept = sums[:, sums[1] > 0]
    if not kept.size:
        raise InputError(
            f"none of {num_resamples} bootstrap samples contains a reference word; increase "
            "--num-resamples"
        )
    return kept


def resampled_sums(values: np.ndarray, num_resamples: int, seed: int) -> np.ndarray:
    """Compute sums over utterances sampled with replacement.

    Args:
        values: (K, N) K quantities of N utterances, which share the samples.
        num_resamples: Number R of bootstrap samples with N utterances each.
        seed: Seed of the random generator.

    Returns:
        (K, R) sums.
    """
    parts = [values[:, drawn].sum(axis=2) for drawn in _draws(values.shape[1], num_resamples, seed)]
    return np.concatenate(parts, axis=1)


def _draws(num_utts: int, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield arrays (r, N) of utterance indices with `num_resamples` rows in total."""
    generator = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // num_utts)
    for start in range(0, num_resamples, rows):
        shape = (min(rows, num_resamples - start), num_utts)
        yield generator.integers(0, num_utts, size=shape, dtype=np.int32)
