"""Confidence interval of an error rate by resampling utterances.

Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation",
ICASSP 2004: draw as many utterances as there are, with replacement, many times; the middle 95 % of
the error rates so found is the interval. Words of one utterance are not independent, so utterances
are drawn, not words.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from moeasr.errors import InputError

# Draws held at a time: 10 million 32-bit indices are 40 MB, whatever the size of the test set.
_DRAWS_AT_ONCE = 10_000_000


def bootstrap_interval(
    num_errors: Sequence[int],
    num_ref: Sequence[int],
    level: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of the error rate, in percent.

    Args:
        num_errors: Errors of each utterance, (N,).
        num_ref: Reference tokens of each utterance, (N,), not all zero.
        level: Share of the resampled rates that the interval holds.
        num_resamples: How often to draw.
        seed: The same seed gives the same interval.

    Returns:
        Lower and upper end.

    Raises:
        InputError: Every draw took utterances with empty references only.
    """
    errors, words = resampled_rates(np.array([num_errors, num_ref]), num_resamples, seed)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(100.0 * errors / words, [tail, 100.0 - tail])
    return float(low), float(high)


def resampled_rates(values: np.ndarray, num_resamples: int, seed: int) -> np.ndarray:
    """Compute `resampled_sums` and drop the draws that have no error rate.

    Args:
        values: (2, N) errors and reference tokens of N utterances.
        num_resamples: Number of draws R of N utterances each.
        seed: Of the generator.

    Returns:
        (2, r) sums of the draws with at least one reference token.

    Raises:
        InputError: There is no such draw.
    """
    sums = resampled_sums(values, num_resamples, seed)  # (2, R)
    kept = sums[:, sums[1] > 0]
    if not kept.size:
        raise InputError(
            f"none of {num_resamples} bootstrap draws holds a reference word: raise --num-resamples"
        )
    return kept


def resampled_sums(values: np.ndarray, num_resamples: int, seed: int) -> np.ndarray:
    """Sums over utterances drawn with replacement.

    Args:
        values: (K, N) K quantities of N utterances; all K see the same draws.
        num_resamples: Number of draws R of N utterances each.
        seed: Of the generator.

    Returns:
        (K, R) sums.
    """
    parts = [values[:, drawn].sum(axis=2) for drawn in _draws(values.shape[1], num_resamples, seed)]
    return np.concatenate(parts, axis=1)


def _draws(num_utts: int, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield (r, N) utterance indices, `num_resamples` rows in all."""
    generator = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // num_utts)
    for start in range(0, num_resamples, rows):
        shape = (min(rows, num_resamples - start), num_utts)
        yield generator.integers(0, num_utts, size=shape, dtype=np.int32)
