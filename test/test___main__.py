"""The console command `moeasr`."""

import subprocess
import sys
from pathlib import Path

import pytest

from moeasr import version
from moeasr.__main__ import GROUPS, entry_names, main

ROOT = Path(__file__).parents[1]


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
def test_help_shows_groups_of_commands_with_a_line_each(monkeypatch, capsys, arguments):
    lines = call(monkeypatch, capsys, *arguments).splitlines()
    assert [line[:-1] for line in lines if line[:-1] in GROUPS] == list(GROUPS)
    assert "  make-dict     Make a dictionary of characters, BPE pieces or words" in lines
    assert not any("validate-data-dir" in line for line in lines)
    assert max(map(len, lines)) <= 92


def test_a_command_is_shown_by_help_or_called_by_scripts():
    """A new command that is neither would never be found."""
    shown = {name for names in GROUPS.values() for name in names}
    assert shown <= set(entry_names())
    scripts = [*(ROOT / "utils").rglob("*.sh"), *(ROOT / "utils/decoders").iterdir()]
    scripts += [ROOT / "moeasr/kaldi/wav_scp.py", ROOT / "moeasr/kaldi/speed.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in scripts if path.is_file())
    pipes = {"perturb_speed", "perturb_volume", "resample"}
    for name in set(entry_names()) - shown - pipes:
        assert f"moeasr.bin.{name}" in text, name


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_slow(argument):
    code = (
        "import sys; from moeasr.__main__ import main; main()\n"
        "assert not {'torch', 'numpy', 'yaml', 'tqdm'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, argument]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_version_names_commit_and_path(monkeypatch, capsys):
    said = call(monkeypatch, capsys, "--version")
    assert said == version.describe_version() + "\n"
    assert str(ROOT) in said


@pytest.mark.parametrize("name", ["make-dict", "make_dict"])
def test_an_entry_may_be_written_with_dashes(monkeypatch, capsys, name):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, capsys, name, "--help")
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "--text" in said and "usage: moeasr make-dict" in said


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("fly", ""),
        ("trian", "; did you mean 'train'?"),
        ("make_dikt", "; did you mean 'make-dict'?"),
    ],
)
def test_an_unknown_entry_is_one_sentence(monkeypatch, capsys, name, nearest):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, capsys, name)
    sentence = f"moeasr: there is no command '{name}'{nearest} (moeasr --help lists the commands)"
    assert ended.value.code == sentence
