"""The programs of batch systems. test/jobs/test_queue_jobs.py runs jobs with them."""

import pytest

from moeasr.jobs.queues import GridEngine, Listing, Slurm


@pytest.mark.parametrize(
    ("queue", "printed", "job_id"),
    [
        (Slurm(), "12\n", "12"),
        (Slurm(), "12;cluster\n", "12"),
        (Slurm(), "sbatch: error: no\n", None),
        (GridEngine(), 'Your job 12 ("a.sh") has been submitted\n', "12"),
        (GridEngine(), 'warning\nYour job-array 12.1-4:1 ("a") has been submitted\n', "12"),
        (GridEngine(), "12.server\n", "12"),
        (GridEngine(), "no queue\n", None),
    ],
)
def test_the_id_of_a_job_is_read(queue, printed, job_id):
    assert queue.job_id(printed) == job_id


@pytest.mark.parametrize(
    ("script", "listing"),
    [
        ("printf '2|None\\n3|launch failed requeued held\\n'", (frozenset({2}), [3])),
        ("printf 'N/A|Resources\\n'", (frozenset({1}), [])),
        ("echo 'error: Invalid job id specified' >&2; exit 1", (frozenset(), [])),
        ("echo 'error: Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_the_lines_of_squeue_are_read(tmp_path, monkeypatch, script, listing):
    (tmp_path / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = Slurm().listing("12")
    assert isinstance(found, Listing) == (listing is not None)
    assert found is None or (found.waiting, list(found.stuck)) == listing
