"""Selection of the lowest error rate among lines that `grep` finds in scoring results."""

import math
import re
from collections.abc import Iterable

KALDI = re.compile(r"(.*?)(%[WS]ER (\S+).*)")
SCLITE = re.compile(r"(.*?)\|?\s*(?:Sum/Avg|Mean)\s*(\|[^|]*\|([^|]*)\|.*)")
SCLITE_ERROR = 4
"""Index of the error rate in sclite's columns: correct, substituted, deleted, inserted, wrong."""


def best_line(lines: Iterable[str]) -> str | None:
    """Return the first line with the lowest error rate, with its file at the end, or None.

    Args:
        lines: Lines `file:%WER 7.4 [ 1 / 2, ... ]` or `file:%SER ...` of Kaldi's compute-wer, or
            `file:| Sum/Avg | 10 20 | 95.0 3.0 1.0 1.0 5.0 50.0 |` of sclite. Other lines are
            ignored.
    """
    best, lowest = None, math.inf
    for line in lines:
        found = _parse(line)
        if found is not None and found[0] < lowest:
            lowest, best = found
    return best


def _parse(line: str) -> tuple[float, str] | None:
    kaldi, sclite = KALDI.match(line), SCLITE.match(line)
    try:
        if kaldi is not None:
            return float(kaldi[3]), _tidy(f"{kaldi[2]} {kaldi[1]}")
        if sclite is not None:
            rate = sclite[3].split()[SCLITE_ERROR]
            return float(rate), _tidy(f"%WER {rate} {sclite[2]} {sclite[1]}")
    except (ValueError, IndexError):  # the error rate is not a number
        return None
    return None


def _tidy(line: str) -> str:
    return re.sub(r"\s+", " ", line).strip().removesuffix(":")
