#!/usr/bin/env python3
r"""Run a command, or several numbered commands in parallel, on this machine, each with a log file.

    run.pl some.log my-prog "--opt=foo bar" foo \| other-prog baz
    run.pl --max-jobs-run 4 JOB=1:20 log/some.JOB.log my-prog input.JOB output.JOB

Bash runs the arguments after the log file. Arguments with white space are quoted. With JOB=1:20,
where the name is arbitrary, the number of the job replaces the name in the log file and in the
command. If a job fails, run.pl prints the names of the logs and exits with status 1.

Options:
  --max-jobs-run n, -tc n         # maximum number of parallel jobs (default: the number of CPUs)
  --gpu n                         # if n is not 0, as many parallel jobs as there are GPUs
  --pick all|failed|incomplete    # jobs to run by the logs of an earlier call: all, all but the
                                  # successful ones, or the unfinished ones (default: all)
Options of queue.pl are accepted without effect: -V, -sync y, -pe smp n, and any other -x or --x
with one argument.

Intended differences from Kaldi's script: log names may contain spaces, and the jobs end when run.pl
is interrupted or terminated.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from moeasr.jobs.call_form import parse_call  # noqa: E402
from moeasr.jobs.local_jobs import Runner, ThisMachine, max_parallel  # noqa: E402

USAGE = """Usage: run.pl [options] [JOB=1:<n>] <log-file> <command> [<argument> ...]
e.g.:  run.pl JOB=1:4 log/some.JOB.log my-prog input.JOB output.JOB"""


def main() -> None:
    """Run the jobs of the command line."""
    call = parse_call("run.pl", sys.argv[1:], USAGE)
    options = {"--gpu": "", "--pick": "all"} | {words[0]: words[-1] for words in call.switches}
    if options["--pick"] not in ("all", "failed", "incomplete"):
        call.die(f"--pick must be all, failed or incomplete, but is '{options['--pick']}'")
    Runner(call, ThisMachine(), options["--pick"]).run_all(max_parallel(call, options["--gpu"]))


if __name__ == "__main__":
    main()
