#!/usr/bin/env python3
r"""Run a command, or several numbered commands in parallel, on other machines through ssh.

    ssh.pl some.log my-prog "--opt=foo bar" foo \| other-prog baz
    ssh.pl --max-jobs-run 4 JOB=1:20 log/some.JOB.log my-prog input.JOB output.JOB

The call form and the logs are those of run.pl. The file .queue/machines lists the machines, one
name per line; each runs one job at a time, and a machine that is listed twice runs two. ssh must
need no password. A job starts in the directory of the call, after `. ./path.sh`, so the machines
must share the file system. When ssh.pl ends, or the connection is lost, its jobs end too.

Options:
  --max-jobs-run n, -tc n         # maximum number of parallel jobs (default: lines of the file)
Other options of run.pl and queue.pl are accepted without effect.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from moeasr.errors import InputError  # noqa: E402
from moeasr.jobs.call_form import parse_call  # noqa: E402
from moeasr.jobs.local_jobs import Runner  # noqa: E402
from moeasr.jobs.remote_jobs import OtherMachines, read_machines  # noqa: E402

USAGE = """Usage: ssh.pl [options] [JOB=1:<n>] <log-file> <command> [<argument> ...]
e.g.:  ssh.pl JOB=1:4 log/some.JOB.log my-prog input.JOB output.JOB"""


def main() -> None:
    """Run the jobs of the command line."""
    call = parse_call("ssh.pl", sys.argv[1:], USAGE)
    try:
        machines = read_machines()
    except InputError as error:
        call.die(str(error))
    num_parallel = min(call.max_jobs_run or len(machines), len(machines))
    Runner(call, OtherMachines(machines)).run_all(num_parallel)


if __name__ == "__main__":
    main()
