"""Detection of decodings that are older than the model or the data they were made from."""

import json
from pathlib import Path

LENGTHS = "utt2num_frames"
"""The table of a data directory that is written whenever its features are made anew."""


def stale_reason(mode_dir: Path) -> str | None:
    """Return why the hypotheses in a directory are out of date, or None if they are not.

    Hypotheses are out of date if their checkpoint or the features of their data directory were
    written after them. A source that no longer exists is ignored.

    Args:
        mode_dir: The directory. Paths in its `decode.json` start from the working directory. Files
            of earlier versions lack `data_dir`; it is then `data/<set>`.
    """
    path = mode_dir / "decode.json"
    try:
        decode = json.loads(path.read_text(encoding="utf-8"))
        decoded_at = path.stat().st_mtime_ns
        data_dir = Path(decode.get("data_dir") or Path("data", decode["set"]))
        sources = (Path(decode["checkpoint"]), data_dir / LENGTHS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # hypotheses of another program, or a file that `results` refuses
    for source in sources:
        if source.is_file() and source.stat().st_mtime_ns > decoded_at:
            return f"{source} is newer than the hypotheses"
    return None
