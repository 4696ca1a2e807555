"""The call form of job runners. test/utils/test_run_pl.py has the messages about wrong calls."""

from moeasr.jobs.call_form import parse_call


def test_the_parts_of_a_call():
    words = [
        "--gpu",
        "1",
        "-V",
        "-tc",
        "3",
        "JOB=2:5",
        "--max-jobs-run",
        "4",
        "-pe",
        "smp",
        "2",
        "log/x.JOB.log",
        "a",
    ]
    call = parse_call("queue.pl", [*words, "b  JOB", r"\|", "c"], "usage")
    assert call.switches == [["--gpu", "1"], ["-V"], ["-pe", "smp", "2"]]
    assert (call.max_jobs_run, call.job_name, list(call.numbers)) == (3, "JOB", [2, 3, 4, 5])
    assert call.numbered(call.log, 4) == "log/x.4.log"
    assert call.command == 'a "b  JOB" \\| c '


def test_a_single_job_has_no_name():
    call = parse_call("queue.pl", ["x.JOB.log", "a"], "usage")
    assert call.job_name is None and list(call.numbers) == [1]
    assert call.numbered(call.log, 1) == "x.JOB.log"
