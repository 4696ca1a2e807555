"""Options of streams: the audio, the size of packets, and the end of utterances."""

import argparse

from moeasr.audio.audio_blocks import STANDARD_INPUT
from moeasr.audio.bounds import check_new_rate
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
    text = "sample rate of raw 16-bit little-endian mono samples on standard input"
    add("--sample-rate", type=int, metavar="HZ", help=text)
    text = "data directory with wav.scp to stream, instead of audio files"
    add("--simulate", metavar="DATA_DIR", help=text)
    add("--out-dir", metavar="OUT", help="directory for the results of --simulate")
    add("audio", nargs="*", help="audio file, directory, *.scp, *.txt, or - for standard input")
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
    if args.simulate and args.model is not None:
        raise InputError("--simulate needs a --checkpoint; a model folder streams audio files")
    if args.sample_rate is not None:
        if STANDARD_INPUT not in args.audio:
            raise InputError(
                "--sample-rate is for raw samples on standard input, but `-` is not given"
            )
        check_new_rate(args.sample_rate)
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
