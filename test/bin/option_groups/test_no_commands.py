"""The option that forbids commands in tables."""

import argparse

import pytest

from moeasr.audio.commands import NO_COMMANDS, are_commands_forbidden
from moeasr.bin.option_groups.no_commands import add_no_commands_option


@pytest.mark.parametrize(("words", "is_forbidden"), [([], False), (["--no-commands"], True)])
def test_the_option_forbids_commands_as_soon_as_it_is_parsed(monkeypatch, words, is_forbidden):
    monkeypatch.setenv(NO_COMMANDS, "0")
    parser = argparse.ArgumentParser()
    add_no_commands_option(parser)
    parser.parse_args(words)
    assert are_commands_forbidden() == is_forbidden
