"""Packages that may be missing."""

import math

import pytest

from moeasr.deploy.optional_packages import import_optional
from moeasr.errors import InputError


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    assert import_optional("math") is math
    with pytest.raises(InputError, match=r"no-such-thing; .*pip install -e '\.\[deploy\]'"):
        import_optional("no_such_thing")
    with pytest.raises(InputError, match=r"pip install -e '\.\[serve\]'"):
        import_optional("no_such_thing", "serve")


def test_a_package_that_cannot_be_imported_is_not_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_thing.py").write_text("raise ImportError('libx.so: cannot open')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        InputError, match=r"broken_thing cannot be imported: libx\.so: cannot open$"
    ):
        import_optional("broken_thing")
