"""Jobs on other machines through ssh, with logs on this one. All share the file system."""

import os
import queue
import shlex
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from moeasr.errors import InputError

MACHINES = Path(".queue/machines")
"""The file with the names of the machines, as in Kaldi."""
OPTIONS = {
    "BatchMode": "yes",  # no question for a password, which nobody would answer
    "ConnectTimeout": "30",
    "ServerAliveInterval": "30",  # a machine that is gone ends its jobs after two minutes
    "ServerAliveCountMax": "4",
}
REMOTE = r"""
script=$(head -c {size}; echo .)
exec 3<&0
setsid bash <<<"${{script%$'\n'.}}" & job=$!
{{
  while read -r _ <&3; do :; done # until the job runner closes the connection or ends
  kill -TERM -- -$job
  for ((n = 0; n < 300; n++)); do sleep 0.1; kill -0 -- -$job || exit; done
  kill -KILL -- -$job
}} >/dev/null 2>&1 & watch=$!
wait $job
status=$?
if [ $status -ge 128 ]; then # what its shell has started may still save its state
  for ((n = 0; n < 300; n++)); do kill -0 -- -$job && sleep 0.1 || break; done 2>/dev/null
fi
kill $watch 2>/dev/null
exit $status
"""
"""The program that runs a script on another machine. If the connection ends, so does the job."""


class OtherMachines:
    """The machines of a list, each with one job at a time.

    Args:
        names: The names for ssh. A machine that is listed twice runs two jobs at a time.
    """

    def __init__(self, names: list[str]) -> None:
        self._free: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            self._free.put(name)
        beginning = f"cd {shlex.quote(os.getcwd())} || exit 1\n"
        self._beginning = f"{beginning}[ ! -f path.sh ] || . ./path.sh || exit 1\n".encode()

    def take(self) -> str:
        """Return a machine that runs no job, waiting for one."""
        return self._free.get()

    def give_back(self, machine: str) -> None:
        """Let another job run on a machine."""
        self._free.put(machine)

    def command(self, machine: str) -> list[str]:
        """Return the call of ssh; the shell of the other machine reads the program from stdin."""
        options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", *options, machine, "bash", "-c", "'read -r n; eval \"$(head -c $n)\"'"]

    def send(self, process: "subprocess.Popen[bytes]", script: bytes) -> None:
        """Send the script, keep the connection open, and wait for the end of the job."""
        script = self._beginning + script
        program = REMOTE.format(size=len(script)).encode()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the machine cannot be reached; ssh says so in the log
            process.stdin.write(f"{len(program)}\n".encode() + program + script)
            process.stdin.flush()
        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """Close the connection, which ends the job on the other machine."""
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()


def read_machines(path: Path = MACHINES) -> list[str]:
    """Return the names of the machines, one per line of a file.

    Raises:
        InputError: The file cannot be read, or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise InputError(
            f"the list of machines {path} cannot be read ({reason}); write the names of the "
            f"machines to it, one per line, such as {socket.gethostname()}"
        ) from None
    names = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if len(words) > 1 or words and words[0].startswith("-"):
            raise InputError(f"{path}, line {number}: expected one name, but found `{line}`")
        names += words
    if not names:
        raise InputError(f"the list of machines {path} is empty")
    return names
