"""The programs in tools/ that measure or compare: each can still be started."""

import runpy
import sys

import pytest
from known_files import ROOT

PROGRAMS = sorted([*ROOT.glob("tools/bench/*.py"), *ROOT.glob("tools/oracle/*.py")])


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_finds_all_that_it_imports(path, monkeypatch):
    """A name that has left the package would be noticed only by the next one who measures."""
    monkeypatch.syspath_prepend(str(path.parent))
    before = set(sys.modules)
    runpy.run_path(str(path), run_name="imported")
    for name in set(sys.modules) - before:  # programs import each other by file name
        if getattr(sys.modules[name], "__file__", None) in map(str, PROGRAMS):
            del sys.modules[name]
