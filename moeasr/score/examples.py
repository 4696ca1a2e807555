"""Example hypotheses of a test set, aligned with their references, for the page of results."""

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.score.alignment import Step
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


def has_unspaced_words(alignments: dict[str, list[Step]]) -> bool:
    """Return whether the references are mostly in scripts without spaces between words.

    Such references are judged by their character error rate.
    """
    words = [step.ref for steps in alignments.values() for step in steps if step.ref]
    return sum(map(is_unspaced, (word[0] for word in words))) > len(words) / 2


def example_lines(alignments: dict[str, list[Step]]) -> list[str]:
    """Return up to `NUM_EXAMPLES` alignments as lines of text.

    They are chosen evenly over the test set. Utterances without speech are left out.
    """
    utt_ids = [utt_id for utt_id, steps in alignments.items() if any(step.ref for step in steps)]
    num = min(NUM_EXAMPLES, len(utt_ids))
    chosen = [utt_ids[(2 * place + 1) * len(utt_ids) // (2 * num)] for place in range(num)]
    lines = []
    for utt_id in chosen:
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
    """Yield runs of steps that fit into a line each; at least one, which may be empty."""
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
    """Return the number of columns of a text in a terminal: Chinese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
