"""`metrics.jsonl` of an experiment: one JSON object per line, with its `kind` and `step`."""

import json
from pathlib import Path
from typing import Any

from moeasr.atomic import atomic_path
from moeasr.logs import get_logger

NAME = "metrics.jsonl"


def read_metrics(exp_dir: Path, kind: str) -> list[dict[str, Any]]:
    """Return the records of one kind in the order of their steps.

    Damaged lines are skipped. Of several records of one step the last one counts, because a
    training that was killed during an evaluation writes its record again.

    Args:
        exp_dir: The directory of the experiment. Without `metrics.jsonl` there are no records.
        kind: "train", "dev" (one record per epoch) or "experts".
    """
    path = exp_dir / NAME
    if not path.is_file():
        return []
    records: dict[int, dict[str, Any]] = {}
    for line in path.read_bytes().splitlines(keepends=True):
        record = _parse(line)
        if record is not None and record.get("kind") == kind:
            records[record["step"]] = record
    return [records[step] for step in sorted(records)]


def drop_after(path: Path, step: int) -> None:
    """Keep only the complete lines of a metrics file for steps up to `step`.

    A crash may leave an incomplete line or arbitrary bytes. Such lines are dropped with a warning.
    """
    if not path.exists():
        return
    kept, num_damaged = [], 0
    for line in path.read_bytes().splitlines(keepends=True):
        record = _parse(line)
        if record is None:
            num_damaged += 1
        elif record["step"] <= step:
            kept.append(line)
    if num_damaged:
        get_logger(__name__).warning("%s: damaged lines dropped: %d", path, num_damaged)
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"".join(kept))


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line with its line end; None for a damaged line."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_whole = line.endswith(b"\n") and isinstance(record, dict)
    return record if is_whole and isinstance(record.get("step"), int) else None
