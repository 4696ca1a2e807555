"""Print what is said in audio files, one `path<TAB>text` line each.

--nbest N: up to N lines each, `path<TAB>rank<TAB>confidence<TAB>text`. --timestamps: a line
for each word, `path<TAB>start<TAB>end<TAB>confidence<TAB>word`, times in seconds.

Any sample rate, any number of channels; WAV, FLAC, SPHERE and whatever else libsndfile reads; `-`
is an audio file on standard input. Without --mode, joint decoding is used if the model can do it. A
file that cannot be read is named on stderr, the others are still transcribed, and the exit status
is 1 then. A model that routes by language needs to be told what is spoken: --language.

Memory grows with the square of a file's length, to about 5 GB for 5 minutes with 4 attention heads;
`moeasr stream --num-left-chunks N` takes files of any length.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moeasr.bin import run
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
    from moeasr.decode.hypothesis import Hypothesis
    from moeasr.decode.recognizer import Recognizer


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  moeasr transcribe --checkpoint exp/u2pp_moe/averaged.pt a.wav b.flac",
    )
    add = parser.add_argument
    add_model_options(parser)
    add("--mode", help="decoding mode (default: the most accurate one that the model can do)")
    add_search_options(parser)
    add("--nbest", type=int, metavar="N", help="print the N best hypotheses with their confidence")
    add("--timestamps", action="store_true", help="print words with times and confidence")
    add("--language", metavar="NAME", help="spoken in all files, if the model routes by language")
    add_audio_argument(parser, nargs="+")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)

    from moeasr.audio.probe import overshoot_warning
    from moeasr.decode.best_mode import most_accurate_mode
    from moeasr.decode.searches import check_settings, find_searches

    config, given = search_config(args)
    recognizer = load_recognizer(args)
    args.mode = args.mode or most_accurate_mode(recognizer.model, config, given)
    find_searches([args.mode], recognizer.model)
    check_settings([args.mode], config, given)
    config = config.resolve(recognizer.model)
    recognizer.load_fusion(config)
    _check_output(args, config.beam_size, recognizer)
    language = recognizer.language_id(args.language)
    languages = None if language is None else [language]
    num_failed = num_overshooting = 0
    for path in args.audio:
        try:
            waveform, overshoots = read_waveform(path, recognizer.fbank.sample_rate_hz)
            num_overshooting += overshoots
            feats = [recognizer.features(waveform)]
            found = recognizer.recognize(feats, [args.mode], config, languages=languages)
            for line in _lines(path, found[args.mode][0], args, recognizer):
                print(f"{path}\t{line}", flush=True)
        except InputError as error:
            print(f"transcribe: {error}", file=sys.stderr)
            num_failed += 1
    if num_overshooting:
        print(f"transcribe: {overshoot_warning(num_overshooting, 'files')}", file=sys.stderr)
    if num_failed:
        sys.exit(1)


def _check_output(args: argparse.Namespace, beam_size: int, recognizer: "Recognizer") -> None:
    """Refuse what the mode or the model cannot print."""
    if args.timestamps and args.nbest is not None:
        raise InputError("--timestamps are of the best hypothesis alone; leave out --nbest")
    if args.timestamps and recognizer.model.config.ctc_weight == 0:
        raise InputError("--timestamps need CTC, but this model was trained without it")
    if args.nbest is not None:
        num_kept = 1 if args.mode == "ctc_greedy_search" else beam_size
        if not 1 <= args.nbest <= num_kept:
            raise InputError(
                f"--nbest must be between 1 and {num_kept}, the hypotheses that {args.mode} keeps, "
                f"but is {args.nbest}"
            )


def _lines(
    path: str, nbest: "Sequence[Hypothesis]", args: argparse.Namespace, recognizer: "Recognizer"
) -> list[str]:
    """What is printed of one file."""
    if args.nbest is not None:
        return [
            f"{rank}\t{_digits(hypothesis.confidence)}\t{recognizer.text(hypothesis)}"
            for rank, hypothesis in enumerate(nbest[: args.nbest], start=1)
        ]
    if not args.timestamps or not nbest:
        return [recognizer.text(nbest[0]) if nbest else ""]
    times = recognizer.times(nbest[0])
    if times is None:
        raise InputError(f"{path}: no times, since it has more tokens than CTC can align")
    return [
        f"{word.start_sec:.2f}\t{word.end_sec:.2f}\t{_digits(word.confidence)}\t{word.text}"
        for word in times.words
    ]


def _digits(confidence: float | None) -> str:
    return "-" if confidence is None else f"{confidence:.3f}"


if __name__ == "__main__":
    run(main)
