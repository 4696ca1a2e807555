#!/usr/bin/env python3
r"""Run a command, or several numbered commands, as jobs of Slurm.

    slurm.pl --mem 4G some.log my-prog "--opt=foo bar" foo \| other-prog baz
    slurm.pl --num-threads 2 --max-jobs-run 20 JOB=1:100 log/some.JOB.log my-prog in.JOB out.JOB

The call form is that of run.pl. A job starts in the directory of the call, after `. ./path.sh`, on
a machine that shares the file system. slurm.pl waits for all jobs. If one fails, or ends without
leaving its exit status, it prints the names of the logs and exits with status 1. If slurm.pl is
interrupted or terminated, it cancels the jobs.

Options:
  --config file                   # config that describes the options (default: conf/slurm.conf
                                  # if it exists, otherwise the config below)
  --max-jobs-run n, -tc n         # maximum number of parallel jobs of this call
  --mem 4G, --num-threads n, --gpu n, --time 2:00:00 and any other option that the config describes
  -x value                        # passed to sbatch unchanged

The default config:
  command sbatch --export=ALL
  option mem=* --mem-per-cpu=$0
  option mem=0
  option time=* --time=$0
  option num_threads=* --cpus-per-task=$0
  option gpu=0
  option gpu=* --gres=gpu:$0

Scripts, and messages of the batch system, go to the directory q beside the log.

Intended differences from Kaldi's script: --max-jobs-run needs no line in the config; a job that was
killed or that can never run is reported; a job that a signal has ended is not put into an error
state; the log has the form of run.pl.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from moeasr.jobs.call_form import parse_call  # noqa: E402
from moeasr.jobs.queue_jobs import run_in_queue  # noqa: E402
from moeasr.jobs.queues import Slurm  # noqa: E402

USAGE = """Usage: slurm.pl [options] [JOB=1:<n>] <log-file> <command> [<argument> ...]
e.g.:  slurm.pl --mem 4G JOB=1:4 log/some.JOB.log my-prog input.JOB output.JOB"""


def main() -> None:
    """Submit the jobs of the command line, and wait for them."""
    run_in_queue(parse_call("slurm.pl", sys.argv[1:], USAGE), Slurm())


if __name__ == "__main__":
    main()
