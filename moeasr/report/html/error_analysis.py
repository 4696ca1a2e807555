"""The errors of one decoding: confusions, groups of utterances, confidence, worst utterances."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moeasr.decode.hypothesis import read_nbest
from moeasr.errors import InputError
from moeasr.score.alignment import Counts, Step, count
from moeasr.score.bootstrap import bootstrap_interval
from moeasr.score.examples import read_alignments

NUM_CONFUSIONS = 15
"""Number of confusions of words and of characters that are listed."""
NUM_WORST = 8
"""Number of worst utterances that are shown."""
NUM_LENGTHS = 4
"""Number of groups of utterances by length."""
NUM_CONFIDENCES = 5
"""Number of equal intervals of confidence, from 0 to 1."""

Alignments = Mapping[str, Sequence[Step]]


@dataclass(frozen=True, kw_only=True)
class ErrorGroup:
    """The error rate of some utterances, or of some recognised words."""

    name: str
    num_utts: int
    num_tokens: int
    """Number of words in the references; for confidence, number of recognised words."""
    num_errors: int
    interval: tuple[float, float] | None = None
    """The 95 % bootstrap interval of `percent` over utterances."""

    @property
    def percent(self) -> float:
        """The error rate in percent; 0 without words."""
        return 100.0 * self.num_errors / self.num_tokens if self.num_tokens else 0.0


@dataclass(frozen=True, kw_only=True)
class ErrorAnalysis:
    """The errors of one decoding."""

    word_confusions: list[tuple[str, str, str, int]]
    """Operation, reference, hypothesis and number; the most frequent first."""
    character_confusions: list[tuple[str, str, str, int]]
    by_speaker: list[ErrorGroup]
    """Speakers, the highest error rate first; empty without `utt2spk`."""
    by_length: list[ErrorGroup]
    by_confidence: list[ErrorGroup]
    """Recognised words by their confidence; empty for a decoding without word confidence."""
    worst: list[str]
    """Ids of the utterances with the most errors."""


def analyse_errors(
    alignments: Alignments, mode_dir: Path, utt2spk: Mapping[str, str] | None
) -> ErrorAnalysis:
    """Measure the errors of a scored decoding.

    Args:
        alignments: Word alignments of all utterances, from `score/per_utt`.
        mode_dir: The directory of the decoding.
        utt2spk: Speaker of each utterance; None if unknown.

    Raises:
        InputError: A file of the decoding is malformed.
    """
    characters = mode_dir / "score" / "cer_per_utt"
    nbest = mode_dir / "nbest.jsonl"
    by_speaker: list[ErrorGroup] = []
    if utt2spk is not None:
        by_speaker = error_groups(alignments, utt2spk)
        by_speaker.sort(key=lambda group: (-group.percent, group.name))
    return ErrorAnalysis(
        word_confusions=confusions(alignments),
        character_confusions=(
            confusions(read_alignments(characters)) if characters.is_file() else []
        ),
        by_speaker=by_speaker,
        by_length=error_groups(alignments, length_classes(alignments)),
        by_confidence=_by_confidence(alignments, nbest) if nbest.is_file() else [],
        worst=worst_utterances(alignments),
    )


def confusions(
    alignments: Alignments, num: int = NUM_CONFUSIONS
) -> list[tuple[str, str, str, int]]:
    """Return the most frequent errors: operation, reference, hypothesis, and number."""
    counts = Counter(
        (step.operation, step.ref or "", step.hyp or "")
        for steps in alignments.values()
        for step in steps
        if step.operation != "C"
    )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(*error, number) for error, number in ranked[:num]]


def error_groups(alignments: Alignments, group_of: Mapping[str, str]) -> list[ErrorGroup]:
    """Return the error rate of each group of utterances, in the order of `group_of`.

    Args:
        alignments: The alignment of each utterance.
        group_of: Name of the group of each utterance, and perhaps of others.
    """
    groups: dict[Hashable, list[Counts]] = {}
    for utt_id, name in group_of.items():
        if utt_id in alignments:
            groups.setdefault(name, []).append(count(alignments[utt_id]))
    return [_group(str(name), counts) for name, counts in groups.items()]


def length_classes(alignments: Alignments) -> dict[str, str]:
    """Return the length class of each utterance, such as `3 to 5` words, shortest first.

    The classes divide the utterances by quantiles of the number of reference words. Utterances of
    equal length are in one class.
    """
    lengths = {utt_id: count(steps).num_ref for utt_id, steps in alignments.items()}
    ranked = sorted(lengths.values())
    places = [len(ranked) * part // NUM_LENGTHS for part in range(1, NUM_LENGTHS)]
    starts = sorted({ranked[0], *(ranked[place] for place in places)})
    ends = [*(start - 1 for start in starts[1:]), ranked[-1]]
    names = [f"{a}" if a == b else f"{a} to {b}" for a, b in zip(starts, ends)]
    found = {}
    for utt_id, length in sorted(lengths.items(), key=lambda item: item[1]):
        place = sum(start <= length for start in starts) - 1
        found[utt_id] = names[place]
    return found


def by_confidence(
    alignments: Alignments, nbest: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[ErrorGroup]:
    """Return the share of wrong words among the recognised words of each interval of confidence.

    Utterances whose n-best list has other words than their alignment, or no times, are left out.
    """
    totals, errors = [0] * NUM_CONFIDENCES, [0] * NUM_CONFIDENCES
    for utt_id, steps in alignments.items():
        steps = [step for step in steps if step.hyp is not None]
        entries = nbest.get(utt_id) or [{}]
        words = entries[0].get("words") or []
        if [word.get("text") for word in words] != [step.hyp for step in steps]:
            continue
        for word, step in zip(words, steps):
            place = min(int(word["confidence"] * NUM_CONFIDENCES), NUM_CONFIDENCES - 1)
            totals[place] += 1
            errors[place] += step.operation != "C"
    if not any(totals):
        return []
    ends = [part / NUM_CONFIDENCES for part in range(NUM_CONFIDENCES + 1)]
    return [
        ErrorGroup(name=f"{a:.1f} to {b:.1f}", num_utts=0, num_tokens=total, num_errors=wrong)
        for a, b, total, wrong in zip(ends, ends[1:], totals, errors)
    ]


def _by_confidence(alignments: Alignments, nbest: Path) -> list[ErrorGroup]:
    entries = read_nbest(nbest)
    try:
        return by_confidence(alignments, entries)
    except (TypeError, KeyError, AttributeError):
        raise InputError(
            f"{nbest}: the words of a hypothesis must have `text` and a `confidence` from 0 to 1; "
            "run stage 4 again"
        ) from None


def worst_utterances(alignments: Alignments, num: int = NUM_WORST) -> list[str]:
    """Return the ids of the utterances with the most errors, and of these the shortest first."""
    counts = {utt_id: count(steps) for utt_id, steps in alignments.items()}
    wrong = [utt_id for utt_id, found in counts.items() if found.num_errors]
    wrong.sort(key=lambda utt_id: (-counts[utt_id].num_errors, counts[utt_id].num_ref, utt_id))
    return wrong[:num]


def _group(name: str, counts: Sequence[Counts]) -> ErrorGroup:
    total = sum(counts, Counts())
    errors, lengths = [c.num_errors for c in counts], [c.num_ref for c in counts]
    return ErrorGroup(
        name=name,
        num_utts=len(counts),
        num_tokens=total.num_ref,
        num_errors=total.num_errors,
        interval=bootstrap_interval(errors, lengths) if total.num_ref else None,
    )
