"""Warnings, errors and times in logs of jobs."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.job_logs import JobLogs, group_logs, read_logs


def test_words_are_counted_by_line_and_times_by_threads(tmp_path):
    one, two = tmp_path / "a.1.log", tmp_path / "a.2.log"
    one.write_text("WARNING (x) WARNING\nWARNINGS\nERROR: y\n# Accounting: time=10 threads=2\n")
    two.write_text("fine\nXERROR\n# Accounting: time=7 threads=1\n")
    assert read_logs([one, two]) == JobLogs(1, 1, 27, 10, 3)
    assert read_logs([]) == JobLogs(0, 0, 0, 0, 0)


def test_logs_are_grouped(tmp_path):
    for name in ("b.1.log", "a.2.log", "a.1.log", "a.txt"):
        (tmp_path / name).touch()
    groups = group_logs([tmp_path], lambda path: path.rsplit("/", 1)[1][0])
    assert list(groups) == ["a", "b"]
    assert sorted(path.name for path in groups["a"]) == ["a.1.log", "a.2.log"]


def test_faults_are_named(tmp_path):
    with pytest.raises(InputError, match="no such directory .*none"):
        group_logs([tmp_path / "none"], str)
    (tmp_path / "x.log").write_text("\n# Accounting: time=x threads=2\n")
    with pytest.raises(
        InputError, match="x.log, line 2: malformed accounting '# Accounting: time=x"
    ):
        read_logs([tmp_path / "x.log"])
