"""The console command `moeasr`."""

import sys

import pytest

import moeasr
from moeasr.__main__ import entry_names, main


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["moeasr", *arguments])
    main()
    return capsys.readouterr().out


def test_every_module_of_bin_is_an_entry():
    names = entry_names()
    assert names == sorted(names)
    assert {"train", "decode", "make_fbank"} <= set(names)
    assert not any(name.startswith("_") for name in names)


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_without_an_entry_it_lists_them(monkeypatch, capsys, arguments):
    said = call(monkeypatch, capsys, *arguments)
    assert said.splitlines()[1] == "entries: " + " ".join(entry_names())


def test_the_version_is_the_packages(monkeypatch, capsys):
    assert call(monkeypatch, capsys, "--version") == f"moeasr {moeasr.__version__}\n"


def test_an_entry_may_be_written_with_dashes(monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, capsys, "make-dict", "--help")
    assert ended.value.code == 0 and "--text" in capsys.readouterr().out


def test_an_unknown_entry_is_one_sentence(monkeypatch, capsys):
    with pytest.raises(SystemExit, match=f"^moeasr: no entry 'fly'; there are: {entry_names()[0]}"):
        call(monkeypatch, capsys, "fly")
