"""Options of streams: what is streamed, in what packets, and what ends an utterance."""

import argparse

from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError
from moeasr.options import add_options, given_options, option_name, with_given


def add_streaming_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, among them one for each field of `EndpointConfig`."""
    add = parser.add_argument
    add("--packet-ms", type=float, default=100, help="sound comes in packets of (%(default)s)")
    add("--language", metavar="NAME", help="spoken in all files, if the model routes by language")
    add("--endpoint", choices=("on", "off"), help="files: pauses end utterances (default: on)")
    add_options(parser, EndpointConfig())
    add("--simulate", metavar="DATA_DIR", help="stream this data directory (wav.scp) instead")
    add("--out-dir", metavar="OUT", help="of --simulate")
    add("audio", nargs="*", help="audio files; - is standard input")


def endpoint_config(args: argparse.Namespace) -> EndpointConfig | None:
    """Return the rules that end utterances; None if nothing but the stream's end does.

    Raises:
        InputError: Options contradict each other or would change nothing, or a value is out of
            range.
    """
    if bool(args.audio) == bool(args.simulate):
        raise InputError("give either audio files or --simulate with a data directory")
    if bool(args.simulate) != bool(args.out_dir):
        raise InputError("--simulate and --out-dir belong together")
    rules = given_options(args, EndpointConfig)
    if args.simulate:
        of_files = {"language": args.language, "endpoint": args.endpoint, **rules}
        _refuse(
            [name for name, value in of_files.items() if value is not None],
            "is for files: with --simulate every utterance is a stream without end points, in the "
            "language that utt2lang says",
        )
    elif args.endpoint == "off":
        _refuse(list(rules), "has no effect with `--endpoint off`")
    else:
        return with_given(EndpointConfig(), rules)
    return None


def _refuse(given: list[str], reason: str) -> None:
    if given:
        raise InputError(f"`{option_name(given[0])}` {reason}")
