"""All entry points: --help shows an example, and invalid options give one sentence."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from moeasr.__main__ import entry_names
from moeasr.limits import MAX_COUNT, MAX_SEED, max_processes, num_processes

ENTRIES = entry_names()
ROOT = Path(__file__).resolve().parents[2]


def call(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_help_shows_an_example(entry):
    done = call(f"moeasr.bin.{entry}", "--help")
    assert done.returncode == 0, done.stderr
    assert "example" in done.stdout.lower()
    spoken = done.stdout.replace("moeasr.bin.", "moeasr ").replace("-", "_")
    assert f"moeasr {entry}" in spoken or "utils/" in done.stdout


@pytest.mark.parametrize("entry", ENTRIES)
def test_help_describes_every_option_and_names_its_default(entry):
    for action in importlib.import_module(f"moeasr.bin.{entry}").get_parser()._actions[1:]:
        name = "/".join(action.option_strings) or action.dest
        assert action.help, f"{name} has no help"
        has_default = action.option_strings and action.default not in (None, False, [])
        assert not has_default or "default: " in action.help, (
            f"the help of {name} lacks its default"
        )


def examples():
    """Every command line in the examples of an entry point, apart from shortened ones."""
    for entry in ENTRIES:
        epilog = importlib.import_module(f"moeasr.bin.{entry}").get_parser().epilog
        for line in epilog.replace("\\\n", " ").splitlines():
            for command in re.findall(r"\bmoeasr [^|>)]+", line):
                if "..." not in command:
                    yield pytest.param(shlex.split(command), id=f"{entry}: {command}")


@pytest.mark.parametrize("command", list(examples()))
def test_the_command_accepts_the_options_of_its_examples(command):
    name = command[1].replace("-", "_")
    if name == "watch":  # it separates the command to run before it parses its own options
        command = command[: command.index("--")]
    importlib.import_module(f"moeasr.bin.{name}").get_parser().parse_args(command[2:])


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_command_line_is_parsed_without_importing_torch(entry):
    code = (
        "import sys, importlib\n"
        f"m = importlib.import_module('moeasr.bin.{entry}')\n"
        "m.get_parser()\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_settings_and_headers_are_read_without_importing_torch():
    """Recipes run several commands per set that read nothing else."""
    code = (
        "import sys\n"
        "import moeasr.audio.duration, moeasr.data.feature_settings\n"
        "import moeasr.kaldi.check_audio, moeasr.features.fbank_file\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_unknown_option_is_refused(entry):
    done = call(f"moeasr.bin.{entry}", "--no-such-flag")
    assert done.returncode != 0 and "Traceback" not in done.stderr


@pytest.fixture
def other_checkout(tmp_path):
    """Create a checkout whose entry point prints that it is the other one."""
    root = tmp_path / "other"
    (root / "moeasr/bin").mkdir(parents=True)
    (root / "egs/an4").mkdir(parents=True)
    for name in ("setup.py", "moeasr/__init__.py", "moeasr/bin/__init__.py"):
        (root / name).touch()
    (root / "moeasr/bin/best_wer.py").write_text("print('the other one')\n")
    return root


@pytest.mark.parametrize("entry", [("moeasr", "best-wer"), ("moeasr.bin.best_wer",)])
def test_in_another_checkout_a_warning_names_the_checkout_that_runs(entry, other_checkout):
    where = {"cwd": other_checkout / "egs/an4", "stdin": subprocess.DEVNULL}
    command = [sys.executable, "-m", *entry]
    installed = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=installed, **where)
    assert done.returncode == 0
    assert f"this runs moeasr from {ROOT}, but" in done.stderr
    assert f"export PYTHONPATH={other_checkout}\n" in done.stderr
    # the command that the warning suggests
    theirs = os.environ | {"PYTHONPATH": str(other_checkout)}
    command = [sys.executable, "-m", "moeasr.bin.best_wer"]
    done = subprocess.run(command, capture_output=True, text=True, env=theirs, **where)
    assert (done.stdout, done.stderr) == ("the other one\n", "")


def test_no_warning_in_the_same_checkout_or_outside_of_checkouts(tmp_path):
    (tmp_path / "linked").mkdir()
    for name in ("moeasr", "setup.py"):  # like the tests' copies of recipes
        (tmp_path / "linked" / name).symlink_to(ROOT / name)
    for cwd in (ROOT / "egs/an4", tmp_path / "linked", tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "moeasr.bin.best_wer"],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")


RANGES = {
    **dict.fromkeys(("--nj", "--num-threads", "--num-workers"), (1, max_processes())),
    **dict.fromkeys(("--max-utts", "--num-utts", "--num-utts-per-shard"), (1, MAX_COUNT)),
    **dict.fromkeys(("--gpus", "--num-permutations", "--num-resamples"), (1, MAX_COUNT)),
    "--num-mel-bins": (7, MAX_COUNT),
    "--seed": (0, MAX_SEED),
}


def numbered_options():
    """Yield the options of all entry points that are whole numbers of a range."""
    for entry in ENTRIES:
        parser = importlib.import_module(f"moeasr.bin.{entry}").get_parser()
        for action in parser._actions:
            for name in RANGES.keys() & action.option_strings:
                yield pytest.param(parser, name, id=f"{entry} {name}")


@pytest.mark.parametrize(("parser", "name"), list(numbered_options()))
@pytest.mark.parametrize("value", ["-1", "least - 1", "most + 1", "1" + "0" * 30, "2.5", "two"])
def test_counts_and_seeds_out_of_range_are_refused(parser, name, value, capsys):
    least, most = RANGES[name]
    value = {"least - 1": str(least - 1), "most + 1": str(most + 1)}.get(value, value)
    with pytest.raises(SystemExit) as exited:
        parser.parse_args([name, value])
    assert exited.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    sentence = f"must be between {least} and {most}, but is {value}"
    if value in ("2.5", "two"):
        sentence = f"must be a whole number, but is '{value}'"
    assert error.endswith(f"error: argument {name}: {sentence}")


def test_more_threads_than_processors_are_allowed():
    assert max_processes() >= 128
    assert num_processes(str(max_processes())) == max_processes()
    assert num_processes("1") == 1
