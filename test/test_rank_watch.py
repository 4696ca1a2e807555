"""The launcher's watch: which process ended a training, and processes that hang."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import NamedTuple

import pytest

from moeasr.rank_report import TIMED_OUT
from moeasr.rank_watch import CHECK_SEC, watched_ranks


class Failed(Exception):
    """The end of a training that failed."""


class Failure(NamedTuple):
    """The parts of torchrun's `ProcessFailure` that are used."""

    exitcode: int
    timestamp: int = 0

    def signal_name(self):
        return signal.Signals(-self.exitcode).name


REPORT = """
import sys
from moeasr.rank_report import send_report
assert send_report(*sys.argv[1:])
"""


def report(rank, kind, text):
    command = [sys.executable, "-c", REPORT, kind, text]
    subprocess.run(command, env={**os.environ, "RANK": str(rank)}, check=True)


def start(rank):
    """Start a process that does nothing, as torchrun starts one: in a session of its own."""
    environment = {**os.environ, "RANK": str(rank)}
    return subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


LOST = "process 0 lost contact"
KILLED, TERMINATED, STOPPED = -signal.SIGKILL, -signal.SIGTERM, 143
OTHERS = ", and the others were stopped"


@pytest.mark.parametrize(
    ("reports", "failures", "sentence"),
    [
        (
            [(0, "lost", LOST), (1, "failed", "the disk is full")],
            {0: Failure(1), 1: Failure(1)},
            f"process 1 failed{OTHERS}: the disk is full",
        ),
        (
            [(0, "lost", LOST)],
            {0: Failure(1), 1: Failure(KILLED)},
            f"process 1 was killed by SIGKILL{OTHERS}; is there enough memory?",
        ),
        ([], {1: Failure(-signal.SIGSEGV)}, f"process 1 was killed by SIGSEGV{OTHERS}"),
        (
            [(0, "stopped", "")],
            {0: Failure(STOPPED), 1: Failure(7)},
            f"process 1 ended with status 7{OTHERS}; its own message appears above",
        ),
        ([(2, "lost", LOST)], {2: Failure(1), 3: Failure(TERMINATED)}, LOST),
        # torchrun kills a process that ignores SIGTERM for half a minute
        ([(0, "lost", LOST)], {0: Failure(1), 1: Failure(KILLED, timestamp=30)}, LOST),
        (
            [],
            {0: Failure(TERMINATED), 1: Failure(STOPPED)},
            "process 0 was stopped by SIGTERM, and so were the others",
        ),
    ],
)
def test_the_sentence_names_the_process_that_failed_first_and_the_cause(
    reports, failures, sentence
):
    with watched_ranks() as watch:
        for each in reports:
            report(*each)
    assert watch.describe(failures) == sentence


def test_a_process_that_stays_stopped_is_killed_and_named():
    with suppress(Failed), watched_ranks(stopped_sec=2 * CHECK_SEC) as watch:
        processes = [start(rank) for rank in range(2)]
        os.kill(processes[1].pid, signal.SIGSTOP)
        assert processes[1].wait(timeout=120) == KILLED
        assert processes[0].poll() is None
        report(0, "lost", LOST)
        raise Failed
    sentence = "process 1 was stopped by a signal (SIGSTOP?) and did not continue for 1 s; it was"
    assert watch.describe({0: Failure(1), 1: Failure(KILLED)}).startswith(sentence)
    assert processes[0].wait(timeout=120) == KILLED  # it was left behind


def test_a_process_that_goes_on_in_time_lives():
    with watched_ranks(stopped_sec=1000.0):
        process = start(0)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(3 * CHECK_SEC)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        assert process.wait(timeout=120) == TERMINATED


def test_processes_that_hang_are_named_when_another_one_has_waited_in_vain():
    with suppress(Failed), watched_ranks() as watch:
        processes = [start(rank) for rank in range(2)]
        wait_for(lambda: len(watch.pids) == 2)
        report(0, "lost", f"{LOST}: {TIMED_OUT}")
        report(1, "stopped", "stopped by SIGTERM")
        raise Failed
    assert [process.wait(timeout=120) for process in processes] == [KILLED] * 2
    failures = {0: Failure(1), 1: Failure(TERMINATED)}
    assert watch.describe(failures) == f"{LOST}: {TIMED_OUT}; process 1 did not respond"


def test_what_a_dead_process_left_behind_is_killed():
    shell = "sleep 600 & echo $!; wait"
    with suppress(Failed), watched_ranks() as watch:
        process = subprocess.Popen(
            ["bash", "-c", shell],
            env={**os.environ, "RANK": "0"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        child = int(process.stdout.readline())
        wait_for(lambda: watch.pids)
        process.kill()
        process.wait()
        os.kill(child, 0)  # it lives
        raise Failed
    wait_for(lambda: not is_alive(child))


def is_alive(pid):
    """Return whether a process runs; it may remain as a zombie where nobody waits for it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_without_a_rank_or_a_group_of_its_own_is_not_watched():
    """Killing its group would kill the launcher."""
    with watched_ranks() as watch:
        processes = [
            subprocess.Popen(["sleep", "600"], start_new_session=True),
            subprocess.Popen(["sleep", "600"], env={**os.environ, "RANK": "0"}),
        ]
        time.sleep(3 * CHECK_SEC)
        assert watch.pids == {}
    for process in processes:
        assert process.poll() is None
        process.kill()
        process.wait()
