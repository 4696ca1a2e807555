"""Is one system better than another on the same test set?

Two tests that look at both systems utterance by utterance, because what is hard for one is mostly
hard for the other; comparing two separate confidence intervals would throw that away.

- Paired bootstrap: Bisani and Ney, ICASSP 2004. Both systems see the same draws of utterances, and
  the difference of their error rates is resampled.
- Matched pairs: Gillick and Cox, "Some statistical issues in the comparison of speech recognition
  algorithms", ICASSP 1989, with utterances as the segments:
  Z = mean(d) / (std(d) / sqrt(N)), d the difference of the errors of each utterance.
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
    """What a paired bootstrap found."""

    difference: float
    """Error rate of B minus that of A, in percentage points; negative if B is better."""
    interval: tuple[float, float]
    """The 95 % interval of `difference`."""
    prob_b_better: float
    """Share of the draws in which B has fewer errors; a tie counts half."""
    p_value: float
    """Two-sided: how probable so great a difference is between equal systems."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatchedPairs:
    """What a matched-pairs test found."""

    mean_difference: float
    """Errors of B minus errors of A in an average utterance."""
    z: float
    """`mean_difference` in standard errors; 0 if the systems never differ."""
    p_value: float
    """Two-sided, by the normal approximation, which wants some 50 utterances."""


def paired_errors(
    a: Mapping[str, Counts], b: Mapping[str, Counts]
) -> tuple[list[int], list[int], list[int]]:
    """Errors of A, errors of B and reference tokens, utterance by utterance.

    Args:
        a: Counts of each utterance by system A, as `details.read_per_utt` reads them.
        b: The same for system B.

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
        errors_a: Errors of system A in each utterance, (N,).
        errors_b: Errors of system B in the same utterances, (N,).
        num_ref: Reference tokens of each utterance, (N,), not all zero.
        num_resamples: How often to draw.
        seed: The same seed gives the same result.
    """
    values = np.array([np.subtract(errors_b, errors_a), num_ref])  # (2, N)
    differences, words = resampled_rates(values, num_resamples, seed)
    low, high = np.percentile(100.0 * differences / words, [2.5, 97.5])
    ties = np.mean(differences == 0)
    # One more draw, the one at hand, keeps the p-value of a finite number of draws above 0.
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
        errors_a: Errors of system A in each utterance, (N,), N at least 2.
        errors_b: Errors of system B in the same utterances, (N,).
    """
    differences = np.subtract(errors_b, errors_a).astype(np.float64)
    if len(differences) < 2:
        raise InputError("a matched-pairs test needs at least two utterances")
    mean = float(differences.mean())
    standard_error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if standard_error > 0.0:
        z = mean / standard_error
    else:  # the same difference everywhere: none, or as sure as can be
        z = math.copysign(math.inf, mean) if mean else 0.0
    return MatchedPairs(mean_difference=mean, z=z, p_value=math.erfc(abs(z) / math.sqrt(2.0)))
