"""Options of the rules that end utterances in streams."""

import argparse

from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError
from moeasr.options import add_options, given_options, option_name, with_given


def add_endpoint_options(parser: argparse.ArgumentParser) -> None:
    """Add `--endpoint`, and an option for each field of `EndpointConfig`."""
    parser.add_argument(
        "--endpoint", choices=("on", "off"), help="whether pauses end utterances (default: on)"
    )
    add_options(parser, EndpointConfig())


def endpoint_config(args: argparse.Namespace) -> EndpointConfig | None:
    """Return the rules that end utterances; None if nothing but the stream's end does.

    Raises:
        InputError: A rule is set though end points are off, or a value is out of range.
    """
    rules = given_options(args, EndpointConfig)
    if args.endpoint != "off":
        return with_given(EndpointConfig(), rules)
    for name in rules:
        raise InputError(f"`{option_name(name)}` means nothing with `--endpoint off`")
    return None


def given_endpoint_options(args: argparse.Namespace) -> list[str]:
    """Return the names of those options that were given."""
    is_given = ["--endpoint"] if args.endpoint is not None else []
    return is_given + [option_name(name) for name in given_options(args, EndpointConfig)]
