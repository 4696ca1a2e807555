"""Recognise audio as a live stream, with partial and final results.

Prints lines `path<TAB>seconds<TAB>partial|final<TAB>text`. The seconds are the time at which a live
listener would see the text, including the computation on this machine. A pause ends an utterance.
Then the search of --mode gives its final text: joint_decoding searches again, attention_rescoring
only rescores the partial results, which is faster but less accurate.

With --simulate, streams each utterance of a data directory and writes OUT/MODE_chunkC_stream, with
the same files as `moeasr decode`. Prints the word error rate, the real-time factor including the
features, and the latencies of the first partial and the final results.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.bin.option_groups.recognition import (
    add_mode_option,
    add_recognition_options,
    decode_config,
    load_recognizer,
)
from moeasr.bin.option_groups.streaming import add_streaming_options, endpoint_config
from moeasr.decode.config import DecodeConfig
from moeasr.errors import InputError
from moeasr.parser import Parser

if TYPE_CHECKING:
    from moeasr.decode.live.streaming_recognizer import StreamingRecognizer

DEFAULTS = DecodeConfig(chunk_size=16)


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="examples:\n  moeasr stream --checkpoint exp/u2pp_moe/averaged.pt a.wav\n"
        "  moeasr stream --checkpoint exp/u2pp_moe/averaged.pt --simulate data/test \\\n"
        "      --out-dir exp/u2pp_moe/stream_test",
    )
    add_recognition_options(parser, DEFAULTS)
    add_mode_option(parser)
    add_streaming_options(parser)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr stream`."""
    args = get_parser().parse_args(argv)
    endpoint = endpoint_config(args)

    from moeasr.decode.best_mode import most_accurate_mode
    from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
    from moeasr.decode.searches import check_settings

    config, given = decode_config(args, DEFAULTS)
    if args.mode is not None:
        check_settings([args.mode], config, given)
    recognizer = load_recognizer(args)
    mode = args.mode or most_accurate_mode(recognizer.model, config, given)
    streaming = StreamingRecognizer(recognizer, mode, config, endpoint)
    if args.simulate:
        command = shlex.join(["python3", "-m", "moeasr.bin.stream", *(argv or sys.argv[1:])])
        _simulate(streaming, args, command)
    else:
        _play_files(streaming, args)


def _play_files(streaming: "StreamingRecognizer", args: argparse.Namespace) -> None:
    """Print the results of each file as a live listener would see them."""
    from moeasr.api.checkpoint_engine import CheckpointEngine
    from moeasr.audio.input_files import InputFiles
    from moeasr.decode.live.playback import Playback

    language = streaming.recognizer.language_id(args.language)
    files = InputFiles(args.audio, CheckpointEngine(streaming.recognizer).waveform, "stream")
    rate_hz, packet_sec = streaming.recognizer.fbank.sample_rate_hz, args.packet_ms * 1e-3
    for path, waveform in files:
        playback = Playback(streaming.open(language), rate_hz, packet_sec)
        for shown_sec, result in playback.run(waveform):
            kind = "final" if result.is_final else "partial"
            print(path, f"{shown_sec:.2f}", kind, result.text, sep="\t", flush=True)
    files.finish()


def _simulate(streaming: "StreamingRecognizer", args: argparse.Namespace, command: str) -> None:
    """Stream a data directory, and write and print accuracy and speed."""
    from moeasr.audio.waveforms import read_waveforms
    from moeasr.data.data_type import find_data_type
    from moeasr.logs import progress, setup_logging
    from moeasr.report.simulation import read_references, simulate_test_set, write_simulation
    from moeasr.version import describe_commit

    setup_logging()
    recognizer = streaming.recognizer
    utterances = find_data_type("raw").open(args.simulate, recognizer.model.languages)
    if not utterances:
        raise InputError(f"{args.simulate} contains no utterances")
    refs = read_references(Path(args.simulate) / "text", utterances)
    waveforms = read_waveforms(utterances, recognizer.fbank.sample_rate_hz)
    waveforms = progress(waveforms, "streaming", len(utterances), "utterances")
    done = simulate_test_set(streaming, waveforms, args.packet_ms * 1e-3)
    provenance = {
        **{"packet_ms": args.packet_ms, "set": Path(args.simulate).resolve().name},
        "checkpoint": args.checkpoint,
        "decode_commit": describe_commit(),
        "command": command,
    }
    print(*write_simulation(args.out_dir, streaming, done, refs, provenance), sep="\n")


if __name__ == "__main__":
    run(main)
