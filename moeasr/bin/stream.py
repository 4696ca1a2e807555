"""Recognise audio as if it were live: partial results while it is spoken, final ones at its end.

For files prints `path<TAB>seconds<TAB>partial|final<TAB>text`, the seconds being when a listener
would have seen it, this machine's work included. A pause ends an utterance (see --rule...). Its
final text comes from --mode: joint_decoding searches again when the utterance is over, while
attention_rescoring only rescores the partial results, which is faster and less accurate. `-` is an
audio file on standard input, read to its end before it is played.

With --simulate streams every utterance of a data directory and writes OUT/MODE_chunkC_stream/ as
`moeasr decode` does (text, nbest.jsonl, decode.json); prints the word error rate, the real-time
factor (features included) and the latencies of first partial and final results.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.bin._commands import add_no_commands_option
from moeasr.bin._recognition import (
    add_audio_argument,
    add_model_options,
    add_search_options,
    load_recognizer,
    read_waveform,
    search_config,
)
from moeasr.errors import InputError

if TYPE_CHECKING:
    from moeasr.decode.live.endpoint import EndpointConfig
    from moeasr.decode.live.stream import StreamingRecognizer

ENDPOINT_OPTIONS = (
    "rule1_min_trailing_silence",
    "rule2_min_trailing_silence",
    "rule3_min_utterance_length",
)


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  moeasr stream --checkpoint exp/u2pp_moe/averaged.pt a.wav\n"
        "  moeasr stream --checkpoint exp/u2pp_moe/averaged.pt --simulate data/test "
        "--out-dir exp/u2pp_moe/stream_test",
    )
    add = parser.add_argument
    add_model_options(parser)
    add("--mode", help="decoding mode (default: the most accurate that the model can do)")
    add_search_options(parser, chunk_size=16)
    add("--language", metavar="NAME", help="spoken in all files, if the model routes by language")
    add("--packet-ms", type=float, default=100, help="sound comes in packets of (%(default)s)")
    add("--endpoint", choices=("on", "off"), help="files: pauses end utterances (on)")
    rule = {"type": float, "metavar": "SEC"}
    add("--rule1-min-trailing-silence", help="nothing was said (5)", **rule)
    add("--rule2-min-trailing-silence", help="after speech (1)", **rule)
    add("--rule3-min-utterance-length", help="whatever is said (20)", **rule)
    add("--simulate", metavar="DATA_DIR", help="stream this data directory (wav.scp) instead")
    add("--out-dir", metavar="OUT", help="of --simulate")
    add_audio_argument(parser, nargs="*")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    if bool(args.audio) == bool(args.simulate):
        raise InputError("give either audio files or --simulate with a data directory")
    if bool(args.simulate) != bool(args.out_dir):
        raise InputError("--simulate and --out-dir belong together")
    _check_options(args)

    from moeasr.decode.best_mode import most_accurate_mode
    from moeasr.decode.live.stream import StreamingRecognizer
    from moeasr.decode.searches import check_settings

    config, given = search_config(args)
    if args.mode is not None:
        check_settings([args.mode], config, given)
    endpoint = _endpoint_config(args)
    recognizer = load_recognizer(args)
    if args.mode is None:
        args.mode = most_accurate_mode(recognizer.model, config, given)
    streaming = StreamingRecognizer(recognizer, args.mode, config, endpoint)
    if args.simulate:
        command = shlex.join(["python3", "-m", "moeasr.bin.stream", *(argv or sys.argv[1:])])
        _simulate(streaming, args, command)
    else:
        _play_files(streaming, args)


def _check_options(args: argparse.Namespace) -> None:
    """Refuse options that would change nothing."""
    if args.simulate:
        for name in ("language", "endpoint", *ENDPOINT_OPTIONS):
            if getattr(args, name) is not None:
                raise InputError(
                    f"`{_option(name)}` is for files: with --simulate every utterance is a stream "
                    "without end points, in the language that utt2lang says"
                )
    if args.endpoint == "off":
        for name in ENDPOINT_OPTIONS:
            if getattr(args, name) is not None:
                raise InputError(f"`{_option(name)}` means nothing with `--endpoint off`")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _endpoint_config(args: argparse.Namespace) -> "EndpointConfig | None":
    """The rules that end utterances, if they shall end by themselves."""
    from moeasr.decode.live.endpoint import EndpointConfig

    if args.simulate or args.endpoint == "off":
        return None
    given = {name: getattr(args, name) for name in ENDPOINT_OPTIONS}
    return EndpointConfig(**{name: sec for name, sec in given.items() if sec is not None})


def _play_files(streaming: "StreamingRecognizer", args: argparse.Namespace) -> None:
    """Print what a listener would see."""
    from moeasr.audio.probe import overshoot_warning
    from moeasr.decode.live.playback import Playback

    rate_hz = streaming.recognizer.fbank.sample_rate_hz
    language = streaming.recognizer.language_id(args.language)
    num_failed = num_overshooting = 0
    for path in args.audio:
        try:
            waveform, overshoots = read_waveform(path, rate_hz)
            num_overshooting += overshoots
        except InputError as error:
            print(f"stream: {error}", file=sys.stderr)
            num_failed += 1
            continue
        playback = Playback(streaming.open(language), rate_hz, args.packet_ms * 1e-3)
        for shown_sec, result in playback.run(waveform):
            kind = "final" if result.is_final else "partial"
            print(f"{path}\t{shown_sec:.2f}\t{kind}\t{result.text}", flush=True)
    if num_overshooting:
        print(f"stream: {overshoot_warning(num_overshooting, 'files')}", file=sys.stderr)
    if num_failed:
        sys.exit(1)


def _simulate(streaming: "StreamingRecognizer", args: argparse.Namespace, command: str) -> None:
    """Stream a data directory and say how well and how fast."""
    from moeasr.audio.waveforms import read_waveforms
    from moeasr.data.data_type import find_data_type
    from moeasr.datadir.table import Table
    from moeasr.decode.live.playback import describe_simulation, simulate_test_set
    from moeasr.decode.mode_dir import ModeResult, mode_dir_name, write_mode_dirs
    from moeasr.experiment.metadata import describe_commit
    from moeasr.logs import progress, setup_logging
    from moeasr.score.error_rate import check_references, pair_up, word_error_rate
    from moeasr.score.lines import kaldi_rate_line
    from moeasr.text.transcript import each_transcript, read_transcripts

    setup_logging()
    recognizer = streaming.recognizer
    known_languages = recognizer.model.languages
    utterances = find_data_type("raw").open(args.simulate, known_languages)
    if not utterances:
        raise InputError(f"{args.simulate} holds no utterances")
    text = Path(args.simulate) / "text"
    if text.is_file():  # what cannot be scored is refused at once
        refs = (ref for _, ref in each_transcript(text))
        keys = Table(text).keys
        absent = [key.decode() for key in keys[utterances.indices_of(keys) < 0]]
        check_references(refs, len(keys), absent)
    waveforms = read_waveforms(utterances, recognizer.fbank.sample_rate_hz)
    waveforms = progress(waveforms, "streaming", unit="utterance", total=len(utterances))
    done = simulate_test_set(streaming, waveforms, args.packet_ms * 1e-3)
    about = {
        **describe_simulation(streaming, done),
        "packet_ms": args.packet_ms,
        "set": Path(args.simulate).resolve().name,
        "checkpoint": args.checkpoint,
        "decode_commit": describe_commit(),
        "command": command,
    }
    nbest = {utt: utterance.hypotheses for utt, utterance in done.items()}
    to_text = recognizer.tokenizer.decode
    name = mode_dir_name(args.mode, args.chunk_size) + "_stream"
    write_mode_dirs(args.out_dir, [ModeResult(name, nbest, about)], to_text, recognizer.times)
    if text.is_file():
        refs = read_transcripts(text)
        hyps = {utt: to_text(best[0].tokens) for utt, best in nbest.items()}
        print(kaldi_rate_line(word_error_rate(pair_up(refs, hyps)), "WER"))
    print(f"real-time factor {about['rtf']:.4f}, features included")
    for what in ("first_partial_latency_sec", "final_latency_sec"):
        spread = ", ".join(f"{name} {sec:.3f}" for name, sec in about[what].items())
        print(f"{what.removesuffix('_sec').replace('_', ' ')}, s: {spread}")


if __name__ == "__main__":
    run(main)
