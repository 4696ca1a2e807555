"""The lowest of many error rates, from lines that `grep` found in scoring results."""

import math
import re
from collections.abc import Iterable

KALDI = re.compile(r"(.*?)(%[WS]ER (\S+).*)")
SCLITE = re.compile(r"(.*?)\|?\s*(?:Sum/Avg|Mean)\s*(\|[^|]*\|([^|]*)\|.*)")
SCLITE_ERROR = 4
"""Place of the error rate among sclite's correct, substituted, deleted, inserted, wrong."""


def best_line(lines: Iterable[str]) -> str | None:
    """The first line with the lowest error rate, its file moved to the end; None: there is none.

    Args:
        lines: `file:%WER 7.4 [ 1 / 2, ... ]` as Kaldi's compute-wer writes it, `%SER` likewise,
            or `file:| Sum/Avg | 10 20 | 95.0 3.0 1.0 1.0 5.0 50.0 |` of sclite. Others are passed
            over.
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
    except (ValueError, IndexError):  # no number where the rate should be
        return None
    return None


def _tidy(line: str) -> str:
    return re.sub(r"\s+", " ", line).strip().removesuffix(":")
