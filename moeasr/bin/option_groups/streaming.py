"""Options of streams: the audio, the size of packets, and the end of utterances."""

import argparse

from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError
from moeasr.options import add_options, given_options, option_name, with_given


def add_streaming_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of streams, and one option for each field of `EndpointConfig`."""
    add = parser.add_argument
    text = "duration of the packets in which audio arrives (default: %(default)s)"
    add("--packet-ms", type=float, default=100, metavar="MS", help=text)
    text = "language of all files, required if the model routes by language"
    add("--language", metavar="NAME", help=text)
    text = "data directory with wav.scp to stream, instead of audio files"
    add("--simulate", metavar="DATA_DIR", help=text)
    add("--out-dir", metavar="OUT", help="directory to write with --simulate")
    add("audio", nargs="*", help="audio file, or - for standard input")
    rules = parser.add_argument_group("end of an utterance in audio files")
    text = "end of utterances at pauses, by any of the following rules (default: on)"
    rules.add_argument("--endpoint", choices=("on", "off"), help=text)
    add_options(rules, EndpointConfig())


def endpoint_config(args: argparse.Namespace) -> EndpointConfig | None:
    """Return the rules that end utterances; None if only the end of the stream ends one.

    Raises:
        InputError: Options contradict each other or have no effect, or a value is out of range.
    """
    if bool(args.audio) == bool(args.simulate):
        raise InputError("give either audio files or --simulate with a data directory")
    if bool(args.simulate) != bool(args.out_dir):
        raise InputError("--simulate and --out-dir require each other")
    rules = given_options(args, EndpointConfig)
    if args.simulate:
        of_files = {"language": args.language, "endpoint": args.endpoint, **rules}
        _refuse(
            [name for name, value in of_files.items() if value is not None],
            "has no effect with `--simulate`: each utterance is one stream without end points, and "
            "its language comes from utt2lang",
        )
    elif args.endpoint == "off":
        _refuse(list(rules), "has no effect with `--endpoint off`")
    else:
        return with_given(EndpointConfig(), rules)
    return None


def _refuse(given: list[str], reason: str) -> None:
    if given:
        raise InputError(f"`{option_name(given[0])}` {reason}")
