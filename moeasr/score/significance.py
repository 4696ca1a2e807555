"""Significance tests of the difference of two systems on the same test set.

Both tests compare the systems utterance by utterance, because utterances that are hard for one
system are usually hard for the other. Two separate confidence intervals would ignore this.

- Paired bootstrap: Bisani and Ney, ICASSP 2004. Both systems share the samples of utterances, and
  the difference of their error rates is resampled.
- Matched pairs: Gillick and Cox, "Some statistical issues in the comparison of speech recognition
  algorithms", ICASSP 1989, with utterances as the segments:
  Z = mean(d) / (std(d) / sqrt(N)), where d is the difference of the errors in each utterance.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from moeasr.errors import InputError
from moeasr.score.alignment import Counts
from moeasr.score.bootstrap import resampled_rates


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedBootstrap:
    """The result of a paired bootstrap."""

    difference: float
    """Error rate of B minus that of A, in percentage points; negative if B is better."""
    interval: tuple[float, float]
    """The 95 % interval of `difference`."""
    prob_b_better: float
    """Fraction of the bootstrap samples in which B has fewer errors; a tie counts half."""
    p_value: float
    """Two-sided probability of a difference this large between equal systems."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatchedPairs:
    """The result of a matched-pairs test."""

    mean_difference: float
    """Mean over utterances of the errors of B minus the errors of A."""
    z: float
    """`mean_difference` in standard errors; 0 if the systems never differ."""
    p_value: float
    """Two-sided p-value by the normal approximation, which needs about 50 utterances."""


def paired_errors(
    a: Mapping[str, Counts], b: Mapping[str, Counts]
) -> tuple[list[int], list[int], list[int]]:
    """Return the errors of A, the errors of B and the reference tokens of each utterance.

    Args:
        a: Counts of each utterance by system A, as `details.read_per_utt` reads them.
        b: Counts of each utterance by system B.

    Raises:
        InputError: The systems were not scored on the same references.
    """
    lone = sorted(set(a) ^ set(b))
    if lone:
        raise InputError(f"only one of the two systems has utterance '{lone[0]}'")
    for utt_id, counts in a.items():
        if counts.num_ref != b[utt_id].num_ref:
            raise InputError(f"the two systems have different references of utterance '{utt_id}'")
    return (
        [counts.num_errors for counts in a.values()],
        [b[utt_id].num_errors for utt_id in a],
        [counts.num_ref for counts in a.values()],
    )


def paired_bootstrap(
    errors_a: Sequence[int],
    errors_b: Sequence[int],
    num_ref: Sequence[int],
    num_resamples: int = 10_000,
    seed: int = 0,
) -> PairedBootstrap:
    """Resample the difference of two error rates.

    Args:
        errors_a: (N,) number of errors of system A in each utterance.
        errors_b: (N,) number of errors of system B in the same utterances.
        num_ref: (N,) number of reference tokens in each utterance, not all zero.
        num_resamples: Number of bootstrap samples.
        seed: Seed of the random generator.
    """
    values = np.array([np.subtract(errors_b, errors_a), num_ref])  # (2, N)
    differences, words = resampled_rates(values, num_resamples, seed)
    low, high = np.percentile(100.0 * differences / words, [2.5, 97.5])
    ties = np.mean(differences == 0)
    # Counting the observed difference as one more draw keeps the p-value above 0.
    one_sided = min(np.sum(differences <= 0), np.sum(differences >= 0))
    return PairedBootstrap(
        difference=100.0 * float(values[0].sum() / values[1].sum()),
        interval=(float(low), float(high)),
        prob_b_better=float(np.mean(differences < 0) + 0.5 * ties),
        p_value=min(1.0, 2.0 * float(one_sided + 1) / (len(differences) + 1)),
    )


def matched_pairs(errors_a: Sequence[int], errors_b: Sequence[int]) -> MatchedPairs:
    """Test whether the mean difference of the errors of an utterance is zero.

    Args:
        errors_a: (N,) number of errors of system A in each utterance, with N at least 2.
        errors_b: (N,) number of errors of system B in the same utterances.
    """
    differences = np.subtract(errors_b, errors_a).astype(np.float64)
    if len(differences) < 2:
        raise InputError("a matched-pairs test needs at least two utterances")
    mean = float(differences.mean())
    standard_error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if standard_error > 0.0:
        z = mean / standard_error
    else:  # all differences are equal: z is 0 or infinite
        z = math.copysign(math.inf, mean) if mean else 0.0
    return MatchedPairs(mean_difference=mean, z=z, p_value=math.erfc(abs(z) / math.sqrt(2.0)))
