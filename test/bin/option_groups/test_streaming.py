"""Options of streams: their combinations, and one option for each end-point rule."""

import argparse

import pytest

from moeasr.bin.option_groups.streaming import add_streaming_options, endpoint_config
from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError

SIMULATE = ("--simulate", "data", "--out-dir", "out")


def config_of(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    add_streaming_options(parser)
    return endpoint_config(parser.parse_args(words))


def test_every_end_point_rule_has_an_option():
    values = {name: value / 2 for name, value in vars(EndpointConfig()).items()}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    assert config_of("a.wav", *options) == EndpointConfig(**values)
    for option in options:
        name = option.partition("=")[0]
        with pytest.raises(InputError, match=f"^`{name}` has no effect with `--endpoint off`$"):
            config_of("a.wav", "--endpoint", "off", option)
        with pytest.raises(InputError, match=f"^`{name}` has no effect with `--simulate`"):
            config_of(*SIMULATE, option)


def test_end_points_are_on_by_default_for_files():
    assert config_of("a.wav") == config_of("a.wav", "--endpoint", "on") == EndpointConfig()
    assert config_of("a.wav", "--endpoint", "off") is None
    assert config_of(*SIMULATE) is None


@pytest.mark.parametrize("option", ["--language", "--endpoint"])
def test_options_for_files_are_refused_in_a_simulation(option):
    with pytest.raises(InputError, match=f"`{option}` has no effect with"):
        config_of(*SIMULATE, option, "on")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "give either audio files or --simulate"),
        (("a.wav", *SIMULATE), "give either audio files or --simulate"),
        (SIMULATE[:2], "require each other"),
        (("a.wav", *SIMULATE[2:]), "require each other"),
        ((*SIMULATE, "--model", "folder"), "--simulate needs a --checkpoint"),
        (("a.wav", "--sample-rate", "8000"), "standard input, but `-` is not given"),
        (("-", "--sample-rate", "8"), "must be between 1000 and 1000000 Hz, but is 8"),
    ],
)
def test_either_files_or_a_data_directory_is_required(words, sentence):
    with pytest.raises(InputError, match=sentence):
        config_of(*words)
