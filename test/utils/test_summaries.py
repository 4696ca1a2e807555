"""summarize_warnings.pl, summarize_logs.pl, make_absolute.sh."""

import os

import pytest


@pytest.fixture
def logs(call):
    folder = call.cwd / "my logs"
    (folder / "older").mkdir(parents=True)
    for name, text in {
        "a.1.log": "WARNING x\n# Accounting: time=12 threads=2\nERROR (y) WARNING\n",
        "a.2.log": "# Accounting: time=20 threads=2\nWARNINGS\n",
        "b.1.2.log": "WARNING\n",
        "c.log": "# Accounting: time=1 threads=1\n",
        "c.txt": "WARNING\n",
        "older/d.log": "WARNING\n",
    }.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.usefixtures("logs")
def test_summaries_are_kaldis(call):
    assert call("summarize_warnings.pl", "my logs/").stdout == (
        "2 warnings in my logs/a.*.log\n1 warnings in my logs/b.*.*.log\n"
    )
    assert call("summarize_logs.pl", "my logs").stdout == (
        "2 warnings in my logs/a.*.log\n"
        "1 warnings in my logs/b.1.*.log\n"
        "1 errors in my logs/a.*.log\n"
        "total_cpu_time=64 clock_time=20 total_threads=4 group=my logs/a.*.log\n"
        "total_cpu_time=0 clock_time=0 total_threads=0 group=my logs/b.1.*.log\n"
        "total_cpu_time=1 clock_time=1 total_threads=1 group=my logs/c.log\n"
        "total_cpu_time=65 clock_time=20 total_threads=5 group=all\n"
    )


def test_faults_of_logs(call, logs):
    (logs / "d.log").write_text("fine\n# Accounting: begin=3\n")
    message = (
        "summarize_logs.pl: my logs/d.log, line 2: malformed accounting '# Accounting: begin=3'\n"
    )
    assert call("summarize_logs.pl", "my logs").stderr == message
    for script in ("summarize_logs.pl", "summarize_warnings.pl"):
        done = call(script, "nowhere")
        assert (done.returncode, done.stderr) == (1, f"{script}: no such directory nowhere\n")
        assert call(script).stderr.startswith("Usage: ")


def test_make_absolute(call):
    (call.cwd / "dir").mkdir()
    (call.cwd / "link").symlink_to("dir")
    real = os.path.realpath(call.cwd)
    for path, expected in {"link/new": "dir/new", "./dir/../link/": "dir", "x": "x"}.items():
        assert call("make_absolute.sh", path).stdout == f"{real}/{expected}\n"
    done = call("make_absolute.sh", "none/x")
    assert done.returncode == 1 and "the directory none does not exist" in done.stderr
    assert call("make_absolute.sh").returncode == 1
