"""Options of recognition, one for each field of the settings, in every command that recognises."""

from dataclasses import dataclass, fields
from importlib import import_module

import pytest

from moeasr.bin.option_groups.recognition import MODES, decode_config
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError

NEEDED = {
    "decode": ["--checkpoint", "x", "--data-dir", "x", "--out-dir", "x"],
    "stream": ["--checkpoint", "x", "x.wav"],
    "transcribe": ["--checkpoint", "x", "x.wav"],
}
SEARCH = {
    "chunk_size": 8,
    "num_left_chunks": 3,
    "beam_size": 4,
    "ctc_weight": 0.25,
    "reverse_weight": 0.75,
    "length_penalty": 1.5,
}
FUSION = {
    "lm": "words.arpa",
    "lm_weight": 0.7,
    "lm_level": "unit",
    "word_bonus": 2.5,
    "lm_unk_penalty": -3.0,
    "context": "phrases",
    "context_score": 4.0,
}


def test_help_lists_all_decoding_modes():
    assert tuple(SEARCHES) == MODES


def parse(command, options, defaults=None):
    """Return the settings that a command takes from options, and the names of the given ones."""
    module = import_module(f"moeasr.bin.{command}")
    args = module.get_parser().parse_args([*options, *NEEDED[command]])
    return decode_config(args, defaults or module.DEFAULTS)


@pytest.mark.parametrize("command", NEEDED)
def test_every_setting_has_an_option(command):
    values = SEARCH | FUSION
    options = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    config, given = parse(command, options)
    assert config == DecodeConfig(**SEARCH, fusion=FusionConfig(**FUSION))
    assert given == [*SEARCH, "fusion"] == [field.name for field in fields(DecodeConfig)]
    assert list(FUSION) == [field.name for field in fields(FusionConfig)]
    unlike = vars(config) | vars(config.fusion)
    assert all(unlike[name] != value for name, value in vars(DecodeConfig()).items())


@pytest.mark.parametrize("command", NEEDED)
def test_without_options_the_settings_have_their_defaults(command):
    chunk_size = 16 if command == "stream" else -1
    assert parse(command, []) == (DecodeConfig(chunk_size=chunk_size), [])


def test_an_option_with_the_default_value_counts_as_given():
    assert parse("decode", ["--beam-size", "10"]) == (DecodeConfig(), ["beam_size"])


def test_an_option_that_needs_a_file_is_refused_without_the_file():
    with pytest.raises(InputError, match="`lm_weight` has no effect without `lm`"):
        parse("decode", ["--lm-weight", "0.5"])


@dataclass(frozen=True, kw_only=True)
class WarmConfig(DecodeConfig):
    """Decoding settings with an additional field."""

    temperature: float = 1.0
    """Number by which the log-probabilities are divided."""


@pytest.mark.parametrize("command", NEEDED)
def test_a_new_field_is_an_option_of_every_command(command, monkeypatch):
    module = import_module(f"moeasr.bin.{command}")
    monkeypatch.setattr(module, "DEFAULTS", WarmConfig())
    config, given = parse(command, ["--temperature", "2", "--beam-size", "3"])
    assert (config, given) == (
        WarmConfig(temperature=2.0, beam_size=3),
        ["beam_size", "temperature"],
    )
    text = " ".join(module.get_parser().format_help().split())
    wanted = "number by which the log-probabilities are divided (default: 1.0)"
    assert f"--temperature X {wanted}" in text
