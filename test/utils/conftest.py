"""Calls of the scripts in utils/, and made-up data directories for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tables import read_tables, write_tables

UTILS = Path(__file__).resolve().parents[2] / "utils"
BASIC = {
    "utt2spk": "a-1 a\na-2 a\nb-1 b\nb-2 b\nb-3 b\nc-1 c\n",
    "spk2utt": "a a-1 a-2\nb b-1 b-2 b-3\nc c-1\n",
    "text": "a-1 ONE\na-2 TWO  WORDS\nb-1 ONE\nb-2 TWO\nb-3 ONE\nc-1 SIX\n",
    "wav.scp": "a-1 /x y/a-1.wav\na-2 cat /x/a-2.wav |\nb-1 /x/all.ark:5\nb-2 /x/b-2.wav\n"
    "b-3 /x/b-3.wav\nc-1 /x/c-1.wav\n",
    "utt2dur": "a-1 1\na-2 2.5\nb-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n",
}


@pytest.fixture
def utils():
    """The folder of the scripts."""
    return UTILS


@pytest.fixture
def call(tmp_path):
    """Run a script in a directory whose name has a space, with the python3 of the tests."""
    cwd = tmp_path / "a recipe"
    cwd.mkdir()

    def run(script, *arguments, stdin="", env=None, text=True):
        return subprocess.run(
            [UTILS / script, *map(str, arguments)],
            input=stdin if text else stdin.encode(),
            capture_output=True,
            text=text,
            cwd=cwd,
            timeout=120,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                **(env or {}),
            },
        )

    run.cwd = cwd
    return run


@pytest.fixture
def data(call):
    """Make a data directory below the scripts' working directory; `data.read` reads one."""

    def make(name="my data", without=(), **files):
        merged = {**BASIC, **{key.replace("_DOT_", "."): text for key, text in files.items()}}
        for missing in without:
            merged.pop(missing)
        return write_tables(call.cwd / name, merged)

    make.read = read_tables
    return make
