"""The command-line parser of all entry points."""

import importlib

import pytest

from moeasr.__main__ import entry_names
from moeasr.parser import Parser


@pytest.fixture
def parser():
    parser = Parser(prog="cook")
    parser.add_argument("--beam-size", type=int)
    parser.add_argument("--beam-width", type=int)
    parser.add_argument("--dish", required=True)
    return parser


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--dish", "a", "--bem-size", "4"],
            "unknown option --bem-size; did you mean '--beam-size'?",
        ),
        (
            ["--dsh=a"],
            "unknown option --dsh; did you mean '--dish'?",
        ),  # the required one is lacking
        (["--dish", "a", "--xyz"], "unknown option --xyz"),
    ],
)
def test_a_misspelt_option_gets_the_nearest_one(parser, given, message, capsys):
    with pytest.raises(SystemExit) as exited:
        parser.parse_args(given)
    assert exited.value.code == 2
    said = capsys.readouterr().err
    assert said == f"cook: error: {message} (--help lists all options)\n"


def test_a_process_that_was_launched_leaves_the_line_to_the_launcher(parser, monkeypatch, capsys):
    sent = []
    monkeypatch.setattr("moeasr.parser.send_report", lambda *report: sent.append(report) or True)
    with pytest.raises(SystemExit) as exited:
        parser.parse_args(["--dish", "a", "--xyz"])
    assert exited.value.code == 2 and capsys.readouterr().err == ""
    assert sent == [("failed", "unknown option --xyz (--help lists all options)")]


def test_other_errors_keep_the_sentence_of_argparse(parser, capsys):
    for given, message in (
        (["--beam-size", "4"], "the following arguments are required: --dish"),
        (["--dish", "a", "b"], "unrecognized arguments: b"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args(given)
        assert capsys.readouterr().err == f"cook: error: {message}\n"


def test_what_follows_two_dashes_is_no_option(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--dish", "a", "--", "--bem-size"])
    assert "unrecognized arguments" in capsys.readouterr().err


def test_the_help_does_not_break_names_of_options(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    parser = Parser(description="Cook.\n\nFirst\nsecond.")
    for number in range(10):
        parser.add_argument(f"--a{number}", help="x" * (25 + number) + " --exp-dirs")
    said = parser.format_help()
    assert said.count("--exp-dirs") == 10
    assert "First\nsecond." in said  # the description keeps its lines


def test_an_option_may_be_abbreviated(parser):
    assert parser.parse_args(["--di", "a"]).dish == "a"


@pytest.mark.parametrize("entry", entry_names())
def test_every_entry_point_has_this_parser(entry):
    assert isinstance(importlib.import_module(f"moeasr.bin.{entry}").get_parser(), Parser)
