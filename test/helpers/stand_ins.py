"""Stand-ins for programs that a script calls: each records its call and does nothing else.

Only `python3 -m moeasr.bin.watch ... -- command` is not recorded; it runs the command as usual.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

NOTE = """#!/bin/bash
if [ "$1 $2" = "-m moeasr.bin.watch" ]; then
  until [ "$1" = -- ]; do shift; done
  exec "${@:2}"
fi
printf "%q " "${0##*/}" "$@" >>"$CALLS"
echo >>"$CALLS"
"""


class StandIns:
    """Programs in `root` that write their calls to `root/calls`.

    Args:
        root: A directory, made if it is absent.
        names: Paths below `root`. A script finds them there, or by their names in PATH.
    """

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._calls = root / "calls"
        note = root / "note"
        note.write_text(NOTE)
        note.chmod(0o755)
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(note)
        self.env = {"CALLS": str(self._calls)}
        """Environment variables that the stand-ins need."""

    def calls(self) -> list[list[str]]:
        """Return the name and the arguments of each call since the last time."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [shlex.split(line) for line in lines]
