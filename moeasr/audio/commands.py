"""The shell commands of a wav.scp, which only this module runs or refuses."""

import os
import re
import shutil
import signal
import subprocess

from moeasr.audio.pipes import Pipe
from moeasr.audio.programs import PROGRAMS
from moeasr.errors import InputError

NO_COMMANDS = "MOEASR_NO_COMMANDS"
"""Environment variable that forbids commands, in this process and in all processes it starts."""


def forbid_commands() -> None:
    """Forbid commands from now on, in this process and in all processes it starts."""
    os.environ[NO_COMMANDS] = "1"


def are_commands_forbidden() -> bool:
    """Return whether `MOEASR_NO_COMMANDS` has a value other than 0 or the empty string."""
    return os.environ.get(NO_COMMANDS, "") not in ("", "0")


def can_run_decoder(pipe: Pipe) -> bool:
    """Return whether the program that decodes a pipe's file is allowed to run and is installed."""
    if pipe.source is None or are_commands_forbidden():
        return False
    return shutil.which(pipe.decoder) is not None


ENDED_EARLY = 128 + signal.SIGPIPE
"""Status of a pipeline in which a program wrote more than the next one reads, as `head` does."""


def run_command(command: str) -> bytes:
    """Return what a shell command writes to standard output.

    Raises:
        InputError: Commands are forbidden, or any part of the command's pipeline fails.
    """
    if are_commands_forbidden():
        raise InputError(
            f"command `{command}` was not run: commands in wav.scp are forbidden by --no-commands "
            f"or {NO_COMMANDS}=1"
        )
    # pipefail: the exit status of the last command alone would hide that an earlier one failed.
    # No standard input: a command that reads it would wait for the user to type.
    finished = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if finished.returncode not in (0, ENDED_EARLY):
        lines = finished.stderr.decode(errors="replace").strip().splitlines()
        reason = f" ({lines[-1]})" if lines else ""
        advice = _advice(lines[-1]) if lines else ""
        raise InputError(
            f"command `{command}` failed with status {finished.returncode}{reason}{advice}"
        )
    return finished.stdout


def _advice(complaint: str) -> str:
    """Return advice to install a missing program that moeasr replaces in other commands only."""
    missing = re.search(r"(\S+): command not found$", complaint)
    if missing is None or missing[1] not in PROGRAMS:
        return ""
    return f"; moeasr cannot run this command without {missing[1]}; please install {missing[1]}"
