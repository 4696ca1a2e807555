"""Comparison of systems over seeds: means, spreads, intervals and tests for known errors."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.score.alignment import Counts
from moeasr.score.bootstrap import bootstrap_interval
from moeasr.score.comparison import compare, comparison_page, pooled
from moeasr.score.scored_experiment import ScoredExperiment
from moeasr.score.significance import matched_pairs, paired_bootstrap

RECORD = {
    "set": "test",
    "mode": "attention_rescoring",
    "chunk_size": -1,
    "beam_size": 20,
    "num_utts": 40,
    "num_words": 400,
    "audio_sec": 120.0,
    "cer": 4.0,
    "rtf": 0.02,
    "total_params": 5_210_000,
    "active_params": 5_210_000,
    "commit": "abc",
    "device": "cpu",
}


def experiment(
    system: str, seed: int, errors: Sequence[int], training_sec: float | None = 100.0, **record
) -> ScoredExperiment:
    """Create an experiment with ten words in each utterance and the given numbers of errors."""
    words = {f"u{n:03}": Counts(hits=10 - wrong, subs=wrong) for n, wrong in enumerate(errors)}
    return ScoredExperiment(
        name=f"{system}_seed{seed}",
        system=system,
        seed=seed,
        record={**RECORD, **record},
        words=words,
        training_sec=training_sec,
        macs_per_audio_sec=record.get("macs"),
        command=f"make {system} {seed}",
    )


def test_mean_and_spread_over_seeds() -> None:
    """The WERs are 10, 20 and 60 %: mean 30, sample deviation sqrt((20² + 10² + 30²) / 2)."""
    seeds = [
        experiment("dense", 1, [1] * 40, 100.0, cer=4.0, rtf=0.01),
        experiment("dense", 2, [2] * 40, 200.0, cer=5.0, rtf=0.02),
        experiment("dense", 3, [6] * 40, 600.0, cer=9.0, rtf=0.06),
    ]
    (result,) = compare(seeds, "dense")
    assert result.seeds == (1, 2, 3)
    assert (result.wer, result.wer_spread) == pytest.approx((30.0, np.sqrt(700.0)))
    assert (result.cer, result.cer_spread) == pytest.approx((6.0, np.sqrt(7.0)))
    assert result.wer_ci == pytest.approx((30.0, 30.0))  # every sample has the same errors
    assert result.rtf == pytest.approx(0.03)
    assert (result.training_sec, result.difference) == (300.0, None)


def test_training_time_is_shown_only_if_all_seeds_have_one() -> None:
    """A mean over the seeds that have a log would look like the mean over all seeds."""
    seeds = [experiment("dense", seed, [1] * 40, sec) for seed, sec in [(1, 100.0), (2, None)]]
    (result,) = compare(seeds, "dense")
    assert result.training_sec is None


def test_one_seed_has_no_spread_and_the_bootstrap_interval_of_its_score() -> None:
    errors = [0, 1, 5, 2] * 10
    (result,) = compare([experiment("dense", 1, errors)], "dense")
    assert (result.wer_spread, result.cer_spread) == (None, None)
    assert result.wer_ci == bootstrap_interval(errors, [10] * 40)


def test_the_bootstrap_samples_the_same_utterances_for_all_seeds() -> None:
    """The interval of three seeds with the same errors equals the interval of one seed."""
    errors = [0, 1, 5, 2] * 10
    (one,) = compare([experiment("dense", 1, errors)], "dense")
    (three,) = compare([experiment("dense", seed, errors) for seed in (1, 2, 3)], "dense")
    assert three.wer_ci == pytest.approx(one.wer_ci)


def test_the_interval_of_a_single_sample_has_no_width() -> None:
    both = [experiment("dense", 1, [0, 1, 5, 2] * 10), experiment("moe", 1, [1, 3, 0, 7] * 10)]
    dense, moe = compare(both, "dense", num_resamples=1)
    assert moe.difference is not None
    for low, high in (dense.wer_ci, moe.wer_ci, moe.difference.interval):
        assert low == high


def test_pooling_sums_over_seeds() -> None:
    a, b = {"u": Counts(hits=3, subs=1)}, {"u": Counts(hits=4, ins=2)}
    assert pooled([a, b]) == {"u": Counts(hits=7, subs=1, ins=2)}


def test_equal_systems_do_not_differ_significantly() -> None:
    errors = [0, 1, 5, 2] * 10
    both = [experiment(system, 1, errors) for system in ("dense", "moe")]
    difference = compare(both, "dense")[1].difference
    assert difference is not None
    assert (difference.points, difference.interval, difference.relative) == (0, (0, 0), 0)
    assert (difference.p_bootstrap, difference.p_matched_pairs) == (1.0, 1.0)


def test_equal_means_over_different_numbers_of_seeds_are_ties() -> None:
    """Three seeds have 4 / 3 errors and six have 8 / 6, which rounding would make unequal."""
    dense = [experiment("dense", seed, [n] * 40) for seed, n in enumerate([1, 1, 2])]
    moe = [experiment("moe", seed, [n] * 40) for seed, n in enumerate([1, 2, 1, 1, 1, 2])]
    difference = compare([*dense, *moe], "dense")[1].difference
    assert difference is not None
    assert (difference.points, difference.interval, difference.p_bootstrap) == (0, (0, 0), 1.0)


def test_the_interval_of_a_clear_difference_excludes_zero() -> None:
    dense = [experiment("dense", seed, [2] * 40) for seed in (1, 2, 3)]
    better = experiment("better", 1, [1] * 30 + [2] * 10)
    alike = experiment("alike", 1, [1, 3] * 19 + [1, 2])
    _, clear, slight = (result.difference for result in compare([*dense, better, alike], "dense"))
    assert clear is not None and slight is not None
    assert clear.points == pytest.approx(-7.5)
    assert clear.relative == pytest.approx(-37.5)  # 15 of 40 errors
    assert clear.interval[1] < 0 and clear.p_bootstrap < 0.001 and clear.p_matched_pairs < 0.001
    assert slight.points == pytest.approx(-0.25)
    assert slight.interval[0] < 0 < slight.interval[1] and slight.p_bootstrap > 0.5


def test_with_one_seed_each_the_test_is_the_paired_bootstrap() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.binomial(10, [[0.3], [0.25]], (2, 200)).tolist()
    difference = compare([experiment("a", 1, a), experiment("b", 1, b)], "a")[1].difference
    plain = paired_bootstrap(a, b, [10] * 200)
    assert difference is not None
    assert (difference.points, difference.interval) == (plain.difference, plain.interval)
    assert difference.p_bootstrap == plain.p_value
    assert difference.p_matched_pairs == matched_pairs(a, b).p_value


def test_systems_with_different_numbers_of_seeds_are_comparable() -> None:
    """The system lacks seed 2. Mean errors are compared, not sums."""
    dense = [experiment("dense", seed, [2] * 40) for seed in (1, 2, 3)]
    moe = [experiment("moe", seed, [2] * 40) for seed in (1, 3)]
    result = compare([*dense, *moe], "dense")[1]
    assert result.seeds == (1, 3)
    assert result.difference is not None and result.difference.points == 0


def test_without_errors_of_the_baseline_there_is_no_relative_difference() -> None:
    none, some = experiment("dense", 1, [0] * 40), experiment("moe", 1, [1] * 40)
    result = compare([none, some], "dense")[1]
    assert result.difference is not None and result.difference.relative is None
    assert "| +10.00 [+10.00, +10.00] | - | < 0.001 | < 0.001 |" in comparison_page(
        [result], [some], "dense"
    )


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            experiment("moe", 7, [1] * 39),
            "dense_seed1 and moe_seed7 cannot be compared: only one of .* utterance 'u039'",
        ),
        (
            experiment("moe", 7, [1] * 40, beam_size=5),
            "moe_seed7 .*: their beam sizes are 20 and 5",
        ),
        (experiment("dense", 1, [1] * 40), "dense_seed1 appears twice"),
        (
            experiment("dense", 2, [1] * 40, total_params=6),
            "dense_seed1 and dense_seed2 must be one system .* total_params are 5210000 and 6",
        ),
        (
            experiment("dense", 2, [1] * 40, active_params=6),
            "dense_seed1 and dense_seed2 must be one system .* active_params are 5210000 and 6",
        ),
    ],
)
def test_experiments_that_cannot_be_compared_are_named(second, message) -> None:
    with pytest.raises(InputError, match=message):
        compare([experiment("dense", 1, [1] * 40), second], "dense")


def test_different_references_and_a_missing_baseline_are_refused() -> None:
    other = experiment("moe", 1, [1] * 40)
    longer = {**other.words, "u005": Counts(hits=11)}
    with pytest.raises(InputError, match="moe_seed1 .* different references .* 'u005'"):
        compare(
            [
                experiment("dense", 1, [1] * 40),
                ScoredExperiment(**{**vars(other), "words": longer}),
            ],
            "dense",
        )
    with pytest.raises(InputError, match="'dense' is not one of the scored systems: moe"):
        compare([other], "dense")


def test_the_page_has_the_chunk_size_and_each_p_value_in_its_column() -> None:
    errors = ([1] * 40, [1, 3] * 20)
    both = [
        experiment(system, 1, counts, chunk_size=16)
        for system, counts in zip(("dense", "moe"), errors)
    ]
    dense, moe = compare(both, "dense", num_resamples=10)
    assert moe.difference is not None
    values = dataclasses.replace(moe.difference, p_bootstrap=0.0012, p_matched_pairs=0.034)
    moe = dataclasses.replace(moe, difference=values)
    page = comparison_page([dense, moe], both, "dense")
    assert "attention_rescoring, chunks of 16 frames." in page
    header, _, _, row = (line.split(" | ") for line in page.splitlines() if line.startswith("| "))
    cells = dict(zip(header, row))
    assert (cells["p, bootstrap"], cells["p, matched pairs"]) == ("0.001", "0.034")


def test_the_page_has_a_row_for_each_system_and_a_line_for_each_experiment() -> None:
    experiments = [
        experiment("dense", 1, [1] * 40),
        experiment("dense", 2, [3] * 40, commit="def", device="cuda"),
        experiment("moe", 1, [1] * 40, None, macs=1_234_567_890, total_params=14_740_000),
    ]
    page = comparison_page(compare(experiments, "dense"), experiments, "dense")
    assert "| dense | 2 | 20.00 ± 14.14 | [20.00, 20.00] | 4.00 ± 0.00 | - | - | - | - |" in page
    assert "| 5.21 / 5.21 | - | 0.0200 | 100 | abc, def | cpu, cuda |" in page
    assert "| moe | 1 | 10.00 | [10.00, 10.00] | 4.00 | -10.00 [-10.00, -10.00] | -50.0 |" in page
    assert "| 14.74 / 5.21 | 1.235 | 0.0200 | - | abc | cpu |" in page
    assert "- dense_seed2 (commit def, cuda): `make dense 2`" in page
    unknown = "The multiply-adds of dense are not known. `moeasr profile` shows which part does not"
    assert unknown in page
    known = experiments[2:]
    assert "not known" not in comparison_page(compare(known, "moe"), known, "moe")
    assert "40 utterances, 400 words, 120.0 s of audio; attention_rescoring, whole" in page
