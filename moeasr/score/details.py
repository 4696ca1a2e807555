"""The detail files of scoring in Kaldi's formats: `per_utt`, `per_spk` and `ops`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.score.alignment import Counts, Step
from moeasr.score.error_rate import ErrorRate, UtteranceScore, group_by_speaker
from moeasr.text_lines import read_lines

NOTHING = "***"  # placeholder opposite an inserted or deleted token, as in Kaldi's scoring
_NAMES = {"C": "correct", "S": "substitution", "I": "insertion", "D": "deletion"}
_COLUMNS = ("#SENT", "#WORD", "Corr", "Sub", "Ins", "Del", "Err", "S.Err")
_MAX_OPS_WIDTH = 16


def per_utt_text(rate: ErrorRate) -> str:
    """Format four lines per utterance: reference, hypothesis, operations, and their counts.

    UTT-A ref  word-A   ***   word-B  word-C
    UTT-A hyp  word-A  word-A word-B   ***
    UTT-A op      C      I       C      D
    UTT-A #csid 2 0 1 1
    """
    return "".join(_utterance_lines(utterance) for utterance in rate.utterances)


def read_per_utt(path: str | Path) -> dict[str, Counts]:
    """Read the counts of each utterance in a `per_utt` file.

    Raises:
        InputError: A `#csid` line does not have four numbers, or there is no such line.
    """
    counts: dict[str, Counts] = {}
    for number, line in read_lines(path):
        fields = split_fields(line)
        if len(fields) < 2 or fields[1] != "#csid":
            continue
        if len(fields) != 6 or not all(field.isdecimal() for field in fields[2:]):
            raise InputError(f"{path}:{number}: must be `utterance #csid C S I D`")
        hits, subs, ins, dels = map(int, fields[2:])
        counts[fields[0]] = Counts(hits=hits, subs=subs, ins=ins, dels=dels)
    if not counts:
        raise InputError(f"{path} holds no #csid lines; run stage 5 again")
    return counts


def per_spk_text(rate: ErrorRate, utt2spk: Mapping[str, str]) -> str:
    """Format a table of counts (raw) and percentages (sys) for each speaker and their sum.

    Raises:
        InputError: An utterance has no speaker.
    """
    groups = group_by_speaker(rate, utt2spk)
    width = max([15, *map(len, groups)])
    lines = [f"{'SPEAKER':<{width}} id " + "".join(f" {name:>10}" for name in _COLUMNS)]
    for speaker, utterances in [*groups.items(), ("SUM", rate.utterances)]:
        lines += _speaker_lines(f"{speaker:<{width}}", utterances)
    return "\n".join(lines) + "\n"


def ops_text(rate: ErrorRate) -> str:
    """Format the number of times that each token was correct, substituted, deleted or inserted.

    Lines are grouped by operation, with the most frequent first.
    """
    counts: Counter[Step] = Counter(
        step for utterance in rate.utterances for step in utterance.steps
    )
    rows = [
        (_NAMES[step.operation], step.ref or NOTHING, step.hyp or NOTHING, number)
        for step, number in counts.items()
    ]
    rows.sort(key=lambda row: (row[0], -row[3], row[1], row[2]))
    longest = max((len(token) for row in rows for token in row[1:3]), default=0)
    width = min(longest, _MAX_OPS_WIDTH)
    digits = max((len(str(row[3])) for row in rows), default=0)
    return "".join(
        f"{name:<12}  {ref:>{width}}    {hyp:>{width}}    {number:>{digits}}\n"
        for name, ref, hyp, number in rows
    )


def _utterance_lines(utterance: UtteranceScore) -> str:
    refs, hyps, operations = [], [], []
    for step in utterance.steps:
        ref, hyp = step.ref or NOTHING, step.hyp or NOTHING
        width = max(len(ref), len(hyp))
        refs.append(_centred(ref, width))
        hyps.append(_centred(hyp, width))
        operations.append(_centred(step.operation, width))
    utt_id, counts = utterance.utt_id, utterance.counts
    return (
        f"{utt_id} ref  {'  '.join(refs)}\n"
        f"{utt_id} hyp  {'  '.join(hyps)}\n"
        f"{utt_id} op   {'  '.join(operations)}\n"
        f"{utt_id} #csid {counts.hits} {counts.subs} {counts.ins} {counts.dels}\n"
    )


def _centred(token: str, width: int) -> str:
    """Place a token in the middle; if the number of spaces is odd, the left has one more."""
    right = (width - len(token)) // 2
    return " " * (width - len(token) - right) + token + " " * right


def _speaker_lines(label: str, utterances: Sequence[UtteranceScore]) -> list[str]:
    total = sum((utterance.counts for utterance in utterances), Counts())
    wrong = sum(utterance.counts.num_errors > 0 for utterance in utterances)
    numbers = [total.hits, total.subs, total.ins, total.dels, total.num_errors]
    head = [len(utterances), total.num_ref]
    lines = [f"{label} raw" + "".join(f" {number:>10d}" for number in [*head, *numbers, wrong])]
    if total.num_ref > 0:  # without reference words there are no percentages
        shares = [100.0 * number / total.num_ref for number in numbers]
        shares.append(100.0 * wrong / len(utterances))
        lines.append(
            f"{label} sys"
            + "".join(f" {number:>10d}" for number in head)
            + "".join(f" {share:>10.2f}" for share in shares)
        )
    return lines
