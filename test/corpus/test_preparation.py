"""The command line that all data preparations share."""

from pathlib import Path

import pytest

from moeasr.corpus.preparation import preparation_parser, tree_or_archive


def test_call_of_run_sh_is_enough():
    parser = preparation_parser("Prepare it.", "where it is")
    args = parser.parse_args(["--download-dir", "d d", "--data-dir", "data", "--nj", "3"])
    assert vars(args) == {
        "download_dir": Path("d d"),
        "data_dir": Path("data"),
        "unpack_dir": Path("downloads"),
        "nj": 3,
    }


@pytest.mark.parametrize("missing", ["--download-dir", "--data-dir"])
def test_places_must_be_given(missing, capsys):
    given = {"--download-dir": "d", "--data-dir": "data"}
    del given[missing]
    with pytest.raises(SystemExit):
        preparation_parser(None, "").parse_args([word for pair in given.items() for word in pair])
    assert f"required: {missing}" in capsys.readouterr().err


def test_help_says_what_is_looked_for_and_keeps_the_lines_of_the_description():
    text = preparation_parser("Prepare\n  it.", tree_or_archive("an4")).format_help()
    assert "Prepare\n  it." in text
    assert "the directory an4, or a directory that contains it" in " ".join(text.split())
