"""Example hypotheses of a test set, aligned with their references, for the page of results."""

import statistics
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.score.alignment import Step, count
from moeasr.score.details import NOTHING
from moeasr.text.scripts import is_unspaced
from moeasr.text_lines import read_lines

NUM_EXAMPLES = 5
LINE_WIDTH = 96


def read_alignments(path: str | Path) -> dict[str, list[Step]]:
    """Read the alignment of each utterance in a `per_utt` file.

    Raises:
        InputError: The file is missing, or the lines of an utterance differ in length.
    """
    rows: dict[str, dict[str, list[str]]] = {}
    for _, line in read_lines(path):
        fields = split_fields(line)
        if len(fields) >= 2:
            rows.setdefault(fields[0], {})[fields[1]] = fields[2:]
    alignments = {}
    for utt_id, row in rows.items():
        if not {"ref", "hyp", "op"} <= row.keys():
            continue
        if not len(row["ref"]) == len(row["hyp"]) == len(row["op"]):
            raise InputError(f"{path}: the lines of {utt_id} differ in length; run stage 5 again")
        alignments[utt_id] = [
            Step(op, None if op == "I" else ref, None if op == "D" else hyp)
            for ref, hyp, op in zip(row["ref"], row["hyp"], row["op"])
        ]
    return alignments


def has_character_words(alignments: Mapping[str, Sequence[Step]]) -> bool:
    """Return whether some reference has characters that count as words, as Chinese ones do."""
    refs = (step.ref for steps in alignments.values() for step in steps if step.ref)
    return any(is_unspaced(word[0]) for word in refs)


class Examples(NamedTuple):
    """Utterances that are shown as examples of the errors in a test set."""

    utt_ids: list[str]
    """The utterances, at most `NUM_EXAMPLES`."""
    choice: str
    """The reason of the choice, as a phrase."""


def choose_examples(alignments: Mapping[str, Sequence[Step]]) -> Examples:
    """Choose utterances near the median error rate of those with errors, and the worst one.

    Utterances without errors fill up the places that are left, the longest first. Utterances
    without speech are not chosen.
    """
    counts = {utt_id: count(steps) for utt_id, steps in alignments.items()}
    rates = {utt_id: found.percent for utt_id, found in counts.items() if found.num_ref}
    wrong = {utt_id: rate for utt_id, rate in rates.items() if rate > 0}
    chosen, choices = [], []
    if wrong:
        worst, median = max(wrong, key=wrong.__getitem__), statistics.median(wrong.values())
        # many utterances have the same rate: the checksum prefers no speaker among them
        typical = sorted(
            wrong.keys() - {worst},
            key=lambda utt_id: (abs(wrong[utt_id] - median), zlib.crc32(utt_id.encode()), utt_id),
        )[: NUM_EXAMPLES - 1]
        if typical:
            choices.append(
                f"{len(typical)} near the median error rate ({median:.1f} %) of the {len(wrong)} "
                "utterances with errors"
            )
        choices.append("the worst one")
        chosen = [*typical, worst]
    right = sorted(rates.keys() - wrong, key=lambda utt_id: (-counts[utt_id].num_ref, utt_id))
    right = right[: NUM_EXAMPLES - len(chosen)]
    if right:
        choices.append(f"{len(right)} without errors")
    return Examples([*chosen, *right], ", ".join(choices))


def example_lines(alignments: Mapping[str, Sequence[Step]], utt_ids: Sequence[str]) -> list[str]:
    """Return the alignments of some utterances as lines of text."""
    lines: list[str] = []
    for utt_id in utt_ids:
        lines += [utt_id, *alignment_lines(alignments[utt_id]), ""]
    return lines[:-1]


def alignment_lines(steps: Sequence[Step], width: int = LINE_WIDTH) -> list[str]:
    """Return reference, hypothesis and marks below the errors, wrapped to a width.

    The marks are S for a substitution, I for an insertion and D for a deletion.
    """
    lines = []
    for part in _wrap(steps, width - 5):
        rows: list[list[str]] = [[], [], []]
        for step in part:
            mark = "" if step.operation == "C" else step.operation
            cells = (step.ref or NOTHING, step.hyp or NOTHING, mark)
            for row, cell in zip(rows, cells):
                row.append(cell + " " * (_cell_width(step) - _width(cell)))
        texts = [" ".join(row).rstrip() for row in rows]
        lines += [f"ref  {texts[0]}", f"hyp  {texts[1]}".rstrip()]
        if texts[2]:
            lines.append(f"     {texts[2]}")
    return lines


def _wrap(steps: Sequence[Step], width: int) -> Iterator[list[Step]]:
    """Split the steps of an alignment into lines of at most `width` columns.

    A step that is wider has a line of its own. An empty alignment gives one empty line.
    """
    part: list[Step] = []
    used = 0
    for step in steps:
        if part and used + _cell_width(step) > width:
            yield part
            part, used = [], 0
        part.append(step)
        used += _cell_width(step) + 1
    yield part


def _cell_width(step: Step) -> int:
    return max(_width(step.ref or NOTHING), _width(step.hyp or NOTHING))


def _width(text: str) -> int:
    """Return the number of columns of a text in a terminal.

    Chinese characters take two columns, and combining marks none.
    """
    return sum(
        1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
        if unicodedata.category(character) not in ("Mn", "Me", "Cf")
    )
