"""test/run.sh: the checks that it runs, with stand-ins for the programs that it calls."""

import subprocess

import pytest
from known_files import ROOT
from stand_ins import StandIns

PYTEST = "python3 -m pytest -n auto --dist loadfile --no-loadscope-reorder"
LINT = ["python3 -m ruff check", "python3 -m ruff format", "shellcheck"]


@pytest.fixture
def run(tmp_path):
    """Return a function that gives run.sh's exit status and output, and the calls it makes."""
    programs = StandIns(tmp_path, ["python3", "shellcheck"])
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", **programs.env}

    def run_script(*options, fails=None):
        if fails is not None:
            (tmp_path / fails).unlink()
            (tmp_path / fails).write_text("#!/bin/sh\nexit 1\n")
            (tmp_path / fails).chmod(0o755)
        command = [ROOT / "test" / "run.sh", *options]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, [" ".join(call) for call in programs.calls()]

    return run_script


def checks(calls):
    """Leave out the calls that prepare the checks."""
    return [call for call in calls if "check_env.py" not in call and "known_files.py" not in call]


def test_all_tests_run_on_all_cores_and_numeric_ones_again_for_other_processors(run):
    status, output, calls = run()
    assert (status, output.splitlines()[-1]) == (0, "== all passed")
    *lint, pytest_call, numeric = checks(calls)
    assert [call.startswith(start) for call, start in zip(lint, LINT, strict=True)] == [True] * 3
    assert pytest_call == PYTEST
    assert numeric.startswith("python3 -m pytest --quiet --dist each --tx=popen//env:ATEN_")
    assert numeric.count("--tx=popen//env:") == 4 and " test/moe " in numeric


def test_fast_leaves_out_slow_tests_and_repetitions(run):
    _, _, calls = run("--fast", "-x", "test/nn")
    *lint, pytest_call = checks(calls)
    assert len(lint) == 3
    assert pytest_call == f"{PYTEST} -m not slow -x test/nn"


def test_arguments_reach_pytest_as_they_are(run):
    _, _, calls = run("-x", "-k", "fbank", "test/features")
    assert checks(calls)[3:] == [f"{PYTEST} -x -k fbank test/features"]  # and no repetitions


def test_a_failed_check_does_not_hide_the_others_and_is_named_at_the_end(run):
    status, output, calls = run("--fast", fails="shellcheck")
    assert status == 1
    assert output.splitlines()[-1].startswith("== FAILED: shellcheck of ")
    assert f"{PYTEST} -m not slow" in calls
