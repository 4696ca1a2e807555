"""The last step of make_fbank.sh, which gathers the features of parallel jobs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from moeasr.audio.probe import overshoot_warning, resampling_notice
from moeasr.datadir.full_tables import write_tables
from moeasr.datadir.raw_tables import read_lines
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say


def gather_feats(
    data: Path, scps: Sequence[Path], tables: Sequence[str], sample_rate_hz: int, say: Say
) -> None:
    """Concatenate the indices of parallel jobs into feats.scp, and their other tables in the same
    way.

    Args:
        data: The data directory.
        scps: One index per job, in order.
        tables: Suffixes of the further tables: `utt2dur` of `x.1.scp` is `x.1.utt2dur`.
        sample_rate_hz: Sample rate of the features.
        say: Function that receives messages about unusual audio and about utterances without
            features.

    Raises:
        InputError: A table of a job is missing, or `write_tables` fails. Nothing is written in this
            case.
    """
    files = {table: [scp.with_suffix(f".{table}") for scp in scps] for table in tables}
    files["feats.scp"] = list(scps)
    for path in chain.from_iterable(files.values()):
        if not path.is_file():
            raise InputError(f"no such file {path}")
    reports = [_read_report(scp) for scp in scps]
    resampled = sum((Counter(report["resampled"]) for report in reports), Counter())
    for rate_hz, count in sorted(resampled.items()):
        say(resampling_notice(count, int(rate_hz), sample_rate_hz))
    num_overshooting = sum(report["num_overshooting"] for report in reports)
    if num_overshooting:
        say(overshoot_warning(num_overshooting, "utterance"))
    reasons = {utt: fault for report in reports for utt, fault in report["skipped"].items()}
    made = {table: _concatenate(paths) for table, paths in files.items()}
    write_tables(data, made, say, reasons)


def _read_report(scp: Path) -> dict[str, Any]:
    """Return the report of a `make_fbank` job about its audio; other programs write no report."""
    path = scp.with_suffix(".report.json")
    empty = {"skipped": {}, "resampled": {}, "num_overshooting": 0}
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else empty


def _concatenate(paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the lines of all files, with one file at a time in memory."""
    for path in paths:
        yield from read_lines(path)
