"""Commands of a wav.scp that the shell runs: the one place where they run, or are refused."""

import os
import re
import shutil
import subprocess

from moeasr.audio.pipes import Pipe
from moeasr.audio.programs import PROGRAMS
from moeasr.errors import InputError

NO_COMMANDS = "MOEASR_NO_COMMANDS"
"""Environment variable that forbids commands, in this process and in all that it starts."""


def forbid_commands() -> None:
    """Forbid commands from now on, in this process and in all that it starts."""
    os.environ[NO_COMMANDS] = "1"


def are_commands_forbidden() -> bool:
    """Return whether the environment forbids commands: any value but 0 and the empty one does."""
    return os.environ.get(NO_COMMANDS, "") not in ("", "0")


def can_run_decoder(pipe: Pipe) -> bool:
    """Return whether a program may be run, and is installed, that reads what libsndfile cannot."""
    if pipe.source is None or are_commands_forbidden():
        return False
    return shutil.which(pipe.decoder) is not None


def run_command(command: str) -> bytes:
    """Return what a shell command writes to standard output.

    Raises:
        InputError: Commands are forbidden; or it fails, or any part of its pipeline does.
    """
    if are_commands_forbidden():
        raise InputError(
            f"command `{command}` is not run: commands in wav.scp are forbidden (--no-commands or "
            f"{NO_COMMANDS}=1)"
        )
    # pipefail: the exit status of the last command alone would hide a failing first one
    # and no standard input: a command that reads it would wait for somebody to type
    finished = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if finished.returncode != 0:
        lines = finished.stderr.decode(errors="replace").strip().splitlines()
        reason = f" ({lines[-1]})" if lines else ""
        advice = _advice(lines[-1]) if lines else ""
        raise InputError(
            f"command `{command}` failed with status {finished.returncode}{reason}{advice}"
        )
    return finished.stdout


def _advice(complaint: str) -> str:
    """Return what to do about a program that is missing, though other calls of it need none."""
    missing = re.search(r"(\S+): command not found$", complaint)
    if missing is None or missing[1] not in PROGRAMS:
        return ""
    return f"; moeasr cannot emulate this call of {missing[1]}: please install {missing[1]}"
