"""Options of end points."""

import argparse

import pytest

from moeasr.bin.option_groups.endpoints import (
    add_endpoint_options,
    endpoint_config,
    given_endpoint_options,
)
from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError


def parse(*words):
    parser = argparse.ArgumentParser()
    add_endpoint_options(parser)
    return parser.parse_args(words)


def test_every_rule_is_an_option():
    values = {name: value / 2 for name, value in vars(EndpointConfig()).items()}
    args = parse(*(f"--{name.replace('_', '-')}={value}" for name, value in values.items()))
    assert endpoint_config(args) == EndpointConfig(**values)
    assert given_endpoint_options(args) == ["--" + name.replace("_", "-") for name in values]


def test_end_points_are_on_unless_they_are_off():
    for words in ((), ("--endpoint", "on")):
        assert endpoint_config(parse(*words)) == EndpointConfig()
    assert endpoint_config(parse("--endpoint", "off")) is None
    assert given_endpoint_options(parse()) == []
    assert given_endpoint_options(parse("--endpoint", "on")) == ["--endpoint"]


def test_a_rule_means_nothing_when_they_are_off():
    args = parse("--endpoint", "off", "--rule2-min-trailing-silence", "1")
    with pytest.raises(InputError, match="`--rule2-min-trailing-silence` means nothing with `--en"):
        endpoint_config(args)
