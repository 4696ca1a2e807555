"""Lists of utterances that are left out, each with the reason."""

from collections.abc import Mapping
from pathlib import Path

from moeasr.atomic import atomic_path


def write_left_out(path: Path, reasons: Mapping[str, str]) -> None:
    """Write a line for each utterance with its reason, or remove an old list if there is none."""
    if not reasons:
        if path.exists():  # a read-only directory refuses to remove even what is not there
            path.unlink()
        return
    with atomic_path(path) as temporary:
        text = "".join(f"{utt_id} {reason}\n" for utt_id, reason in reasons.items())
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
