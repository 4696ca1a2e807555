"""Recognise audio as a live stream, with partial and final results.

Prints lines `path<TAB>seconds<TAB>partial|final<TAB>text`. The seconds are the time at which a live
listener would see the text, including the computation on this machine. At a pause, the search of
--mode gives the final text: joint_decoding searches again; attention_rescoring is faster and less
accurate. Standard input is recognised while it arrives: WAV, or raw samples with --sample-rate.

With --simulate, streams each utterance of a data directory and writes OUT/MODE_chunkC_stream, with
the same files as `moeasr decode`. Prints the word error rate, the real-time factor including the
features, and the latencies of the first partial and the final results.
"""

import argparse
import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.bin.option_groups.recognition import (
    add_mode_option,
    add_recognition_options,
    decode_config,
    load_engine,
    load_recognizer,
)
from moeasr.bin.option_groups.streaming import add_streaming_options, endpoint_config
from moeasr.decode.config import DecodeConfig
from moeasr.errors import InputError
from moeasr.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from moeasr.api.live_stream import LiveStream

DEFAULTS = DecodeConfig(chunk_size=16)


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="examples:\n  moeasr stream --checkpoint exp/u2pp_moe/averaged.pt a.wav\n"
        "  moeasr stream --checkpoint exp/u2pp_moe/averaged.pt --simulate data/test \\\n"
        "      --out-dir exp/u2pp_moe/stream_test",
    )
    add_recognition_options(parser, DEFAULTS, has_folders=True)
    add_mode_option(parser)
    add_streaming_options(parser)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr stream`."""
    args = get_parser().parse_args(argv)
    endpoint = endpoint_config(args)
    config, given = decode_config(args, DEFAULTS)
    if args.simulate:
        command = typed_command("stream", argv)
        _simulate(args, config, given, command)
        return

    from moeasr.api.engine import Task

    engine = load_engine(args)
    if "chunk_size" not in given:
        config = dataclasses.replace(config, chunk_size=engine.stream_chunk_size)
    task = Task(mode=args.mode, config=config, given=given, language=args.language)
    engine.open_stream(task, endpoint, engine.sample_rate_hz)  # checks the settings
    _play_files(partial(engine.open_stream, task, endpoint), args)


def _play_files(open_stream: "Callable[[int], LiveStream]", args: argparse.Namespace) -> None:
    """Print the results of each file as a live listener would see them."""
    from moeasr.audio.input_files import InputFiles
    from moeasr.audio.input_paths import find_input_paths
    from moeasr.audio.live_input import open_live
    from moeasr.report.live_lines import live_lines

    packet_sec = args.packet_ms * 1e-3
    open_file = partial(open_live, raw_rate_hz=args.sample_rate, packet_sec=packet_sec)
    files = InputFiles(find_input_paths(args.audio), "moeasr stream", open_file)
    for path, source in files:
        rate_hz = source.rate_hz
        lines = live_lines(path.name, source, open_stream(rate_hz), rate_hz, packet_sec)
        try:
            for line in lines:
                print(line, flush=True)
        except InputError as error:
            files.fail(error)
    files.finish()


def _simulate(
    args: argparse.Namespace, config: DecodeConfig, given: list[str], command: str
) -> None:
    """Stream a data directory, and write and print accuracy and speed."""
    from moeasr.decode.best_mode import most_accurate_mode
    from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
    from moeasr.decode.searches import check_settings
    from moeasr.logs import setup_logging
    from moeasr.report.simulation import simulate_data_dir

    setup_logging()
    if args.mode is not None:
        check_settings([args.mode], config, given)
    recognizer = load_recognizer(args)
    mode = args.mode or most_accurate_mode(recognizer.model, config, given)
    streaming = StreamingRecognizer(recognizer, mode, config)
    provenance = {"checkpoint": args.checkpoint, "command": command}
    lines = simulate_data_dir(streaming, args.simulate, args.out_dir, args.packet_ms, provenance)
    print(*lines, sep="\n")


if __name__ == "__main__":
    run(main)
