"""Comparison of several systems, each trained with several seeds, on one test set.

Two sources of randomness are reported separately.

- The seed of the training. Its effect is the spread: the sample standard deviation (N - 1) of the
  error rates over seeds. The intervals and tests do not include it. A p-value below 0.05 says that
  these models differ on speech like that of the test set, but not that other seeds would differ.
- The utterances in the test set. Only utterances are resampled with replacement: each draw takes an
  utterance with the errors of all seeds of all systems. The errors of an utterance are averaged
  over the seeds of a system, and the difference of two systems is resampled in pairs (Bisani and
  Ney, see `bootstrap.py` and `significance.py`) for any numbers of seeds. The matched-pairs test
  uses the same averages.
"""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence

from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.score.alignment import Counts
from moeasr.score.bootstrap import bootstrap_interval
from moeasr.score.scored_experiment import ScoredExperiment
from moeasr.score.significance import matched_pairs, paired_bootstrap, paired_errors

_HEADER = (
    "system",
    "seeds",
    "WER % ± spread",
    "95 % interval",
    "CER % ± spread",
    "difference, points [95 % interval]",
    "relative %",
    "p, bootstrap",
    "p, matched pairs",
    "parameters total / active, M",
    "GMAC/s of audio",
    "RTF",
    "training, s",
    "commit",
    "device",
)
_LEGEND = """\
WER and CER are means over seeds, ± their sample standard deviation. Intervals and p-values resample
utterances, with the mean errors over a system's seeds. Only the standard deviation shows the
variation between seeds. Differences are those to `{baseline}` (negative is better), with the
interval of a paired bootstrap. The p-values are two-sided. Active parameters are those that one
frame uses, GMAC are billion multiply-adds, and RTF is seconds of computing, without filter banks,
per second of audio. RTF and training time are means over seeds, and depend on the other load of the
machine. Training time excludes the training of a teacher or of initial weights."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """The WER of a system minus that of the baseline; negative if the system is better."""

    points: float
    """Difference in percentage points."""
    interval: tuple[float, float]
    """The 95 % interval of `points`."""
    relative: float | None
    """Difference in percent of the baseline's WER; None if that WER is 0."""
    p_bootstrap: float
    p_matched_pairs: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class SystemResult:
    """The results of one system over its seeds; error rates are in percent."""

    system: str
    seeds: tuple[int, ...]
    wer: float
    wer_spread: float | None
    """Sample standard deviation over seeds; None for one seed."""
    wer_ci: tuple[float, float]
    """95 % bootstrap interval of `wer` over utterances."""
    cer: float
    cer_spread: float | None
    difference: Difference | None
    """Difference to the baseline; None for the baseline itself."""
    total_params: int
    active_params: int
    macs_per_audio_sec: int | None
    rtf: float
    training_sec: float | None
    """Mean training time over the seeds; None unless it is known for all seeds."""
    commits: tuple[str, ...]
    devices: tuple[str, ...]


def compare(
    experiments: Sequence[ScoredExperiment], baseline: str, num_resamples: int = 10_000
) -> list[SystemResult]:
    """Compute the result of each system, in the order of their first experiments.

    Args:
        experiments: All seeds of all systems, scored on one test set. Systems may have different
            numbers of seeds.
        baseline: The system that the others are compared with.
        num_resamples: Number of samples of each bootstrap.

    Raises:
        InputError: The baseline is missing, experiments were scored on different references or
            decoded with different beam sizes, or the seeds of a system have different networks.
    """
    systems: dict[str, list[ScoredExperiment]] = {}
    for experiment in experiments:
        systems.setdefault(experiment.system, []).append(experiment)
    if baseline not in systems:
        raise InputError(
            f"the baseline '{baseline}' is not one of the scored systems: {', '.join(systems)}"
        )
    for experiment in experiments[1:]:
        _check_same_task(experiments[0], experiment)
    for seeds in systems.values():
        _check_seeds(seeds)
    return [
        _system_result(seeds, None if name == baseline else systems[baseline], num_resamples)
        for name, seeds in systems.items()
    ]


def pooled(seeds: Sequence[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Sum the counts of each utterance over seeds."""
    return {utt_id: sum((seed[utt_id] for seed in seeds), Counts()) for utt_id in seeds[0]}


def _unknown_costs(results: Iterable[SystemResult]) -> str:
    """Return a sentence about the systems without GMAC/s; empty if there are none."""
    names = [result.system for result in results if result.macs_per_audio_sec is None]
    if not names:
        return ""
    return (
        f"The multiply-adds of {', '.join(names)} are not known. `moeasr profile` shows which part "
        "does not count them."
    )


def comparison_page(
    results: Sequence[SystemResult], experiments: Sequence[ScoredExperiment], baseline: str
) -> str:
    """Format the comparison as Markdown: the table, and the command of each experiment.

    Args:
        results: The results of `compare`.
        experiments: The experiments given to `compare`.
        baseline: The baseline given to `compare`.
    """
    record = experiments[0].record
    chunk = record["chunk_size"]
    scope = "whole utterances" if chunk == -1 else f"chunks of {counted(chunk, 'frame')}"
    rows = [_HEADER, ["---"] * len(_HEADER), *(_row(result) for result in results)]
    blocks = [
        "# Comparison of systems",
        f"Set {record['set']}: {counted(record['num_utts'], 'utterance')}, "
        f"{counted(record['num_words'], 'word')}, "
        f"{record['audio_sec']:.1f} s of audio; {record['mode']}, {scope}.",
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        f"{_LEGEND.format(baseline=baseline)} {_unknown_costs(results)}".rstrip(),
        "## Commands of the experiments",
        "\n".join(
            f"- {experiment.name} (commit {experiment.record['commit']}, "
            f"{experiment.record['device']}): `{experiment.command}`"
            for experiment in experiments
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def _check_seeds(seeds: Sequence[ScoredExperiment]) -> None:
    """Raise `InputError` if a seed appears twice or networks differ in size."""
    first = seeds[0]
    for number, experiment in enumerate(seeds):
        if experiment.seed in [other.seed for other in seeds[:number]]:
            raise InputError(f"experiment {experiment.name} appears twice")
        for key in ("total_params", "active_params"):
            if experiment.record[key] != first.record[key]:
                raise InputError(
                    f"{first.name} and {experiment.name} must be one system with two seeds, but "
                    f"their {key} are {first.record[key]} and {experiment.record[key]}"
                )


def _check_same_task(a: ScoredExperiment, b: ScoredExperiment) -> None:
    """Raise `InputError` if two experiments differ in test set or beam size."""
    try:
        paired_errors(a.words, b.words)
        if a.record["beam_size"] != b.record["beam_size"]:
            raise InputError(
                f"their beam sizes are {a.record['beam_size']} and {b.record['beam_size']}"
            )
    except InputError as error:
        raise InputError(f"{a.name} and {b.name} cannot be compared: {error}") from None


def _system_result(
    seeds: Sequence[ScoredExperiment], baseline: Sequence[ScoredExperiment] | None, draws: int
) -> SystemResult:
    records = [seed.record for seed in seeds]
    counts = pooled([seed.words for seed in seeds]).values()
    wers = [sum(seed.words.values(), Counts()).percent for seed in seeds]
    cers = [record["cer"] for record in records]
    times = [seed.training_sec for seed in seeds if seed.training_sec is not None]
    macs = [seed.macs_per_audio_sec for seed in seeds if seed.macs_per_audio_sec is not None]
    return SystemResult(
        system=seeds[0].system,
        seeds=tuple(seed.seed for seed in seeds),
        wer=statistics.mean(wers),
        wer_spread=statistics.stdev(wers) if len(wers) > 1 else None,
        wer_ci=bootstrap_interval(
            [count.num_errors for count in counts],
            [count.num_ref for count in counts],
            num_resamples=draws,
        ),
        cer=statistics.mean(cers),
        cer_spread=statistics.stdev(cers) if len(cers) > 1 else None,
        difference=None if baseline is None else _difference(baseline, seeds, draws),
        total_params=records[0]["total_params"],
        active_params=records[0]["active_params"],
        macs_per_audio_sec=macs[0] if macs else None,
        rtf=statistics.mean(record["rtf"] for record in records),
        training_sec=statistics.mean(times) if len(times) == len(seeds) else None,
        commits=tuple(dict.fromkeys(record["commit"] for record in records)),
        devices=tuple(dict.fromkeys(record["device"] for record in records)),
    )


def _difference(
    baseline: Sequence[ScoredExperiment], system: Sequence[ScoredExperiment], draws: int
) -> Difference:
    """Compute the difference of a system to the baseline.

    The counts of each side are multiplied by the number of seeds of the other side. The sums are
    then proportional to means over seeds but remain integers, so ties in a draw remain ties.
    """
    a = pooled([seed.words for seed in baseline] * len(system))
    b = pooled([seed.words for seed in system] * len(baseline))
    errors_a, errors_b, num_ref = paired_errors(a, b)
    bootstrap = paired_bootstrap(errors_a, errors_b, num_ref, num_resamples=draws)
    relative = 100.0 * (sum(errors_b) / sum(errors_a) - 1.0) if sum(errors_a) else None
    return Difference(
        points=bootstrap.difference,
        interval=bootstrap.interval,
        relative=relative,
        p_bootstrap=bootstrap.p_value,
        p_matched_pairs=matched_pairs(errors_a, errors_b).p_value,
    )


def _row(result: SystemResult) -> list[str]:
    return [
        result.system,
        str(len(result.seeds)),
        _mean_and_spread(result.wer, result.wer_spread),
        "[{:.2f}, {:.2f}]".format(*result.wer_ci),
        _mean_and_spread(result.cer, result.cer_spread),
        *_difference_cells(result.difference),
        f"{result.total_params / 1e6:.2f} / {result.active_params / 1e6:.2f}",
        "-" if result.macs_per_audio_sec is None else f"{result.macs_per_audio_sec / 1e9:.3f}",
        f"{result.rtf:.4f}",
        "-" if result.training_sec is None else f"{result.training_sec:.0f}",
        ", ".join(result.commits),
        ", ".join(result.devices),
    ]


def _mean_and_spread(mean: float, spread: float | None) -> str:
    return f"{mean:.2f}" if spread is None else f"{mean:.2f} ± {spread:.2f}"


def _difference_cells(difference: Difference | None) -> list[str]:
    if difference is None:
        return ["-"] * 4
    return [
        "{:+.2f} [{:+.2f}, {:+.2f}]".format(difference.points, *difference.interval),
        "-" if difference.relative is None else f"{difference.relative:+.1f}",
        _p_value(difference.p_bootstrap),
        _p_value(difference.p_matched_pairs),
    ]


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
