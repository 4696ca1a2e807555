"""Messages in the name of a script."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.speak import detail, speaking_as


def test_messages_begin_with_the_scripts_name(capsys):
    with speaking_as("utils/x.sh") as say:
        say("done")
        say("[info]: more")
    with speaking_as("utils/x.sh", to_stderr=True) as say:
        say("oh")
    assert capsys.readouterr() == (
        "utils/x.sh: done\nutils/x.sh [info]: more\n",
        "utils/x.sh: oh\n",
    )


def test_details_are_left_out_where_a_recipe_asks_for_it(monkeypatch, capsys):
    for value in ("0", "1"):
        monkeypatch.setenv("MOEASR_QUIET", value)
        with speaking_as("x.sh") as say:
            detail(say, f"kept all {value}")
            say(f"WARNING {value}")
    assert capsys.readouterr().out == "x.sh: kept all 0\nx.sh: WARNING 0\nx.sh: WARNING 1\n"


def test_a_fault_ends_the_program_with_its_sentence():
    with pytest.raises(SystemExit) as ended, speaking_as("utils/x.sh"):
        raise InputError("no such file")
    assert ended.value.code == "utils/x.sh: no such file"  # printed; the status is 1
