"""Check a data directory; the work of utils/validate_data_dir.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import detail, speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Check that a data directory is sorted, complete and consistent. Exits with 1 "
        "at the first fault and names its file and line.",
        epilog="example:\n  moeasr validate-data-dir --no-feats --check-audio data/train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-feats", action="store_true", help="feats.scp may be missing")
    parser.add_argument("--no-text", action="store_true", help="text may be missing")
    parser.add_argument("--no-wav", action="store_true", help="wav.scp may be missing")
    parser.add_argument(
        "--no-spk-sort", action="store_true", help="utt2spk need not be sorted by speaker"
    )
    parser.add_argument(
        "--non-print", action="store_true", help="text may hold non-printable characters"
    )
    parser.add_argument(
        "--check-audio",
        action="store_true",
        help="also open the audio and name every utterance that is missing, empty, truncated, of "
        "another rate, or too short for its text under CTC; the last is an error for many only",
    )
    parser.add_argument(
        "--sample-rate",
        type=int,
        metavar="HZ",
        help="rate that --check-audio demands (default: that of most recordings)",
    )
    parser.add_argument(
        "--text-units",
        choices=("char", "bpe", "word"),
        default="char",
        help="what --check-audio takes the text apart into (default: %(default)s)",
    )
    parser.add_argument("--script", default="validate_data_dir", help="name to speak under")
    parser.add_argument("data_dir", type=Path)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Check the directory named on the command line."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.validate import ValidateOptions, validate_data_dir

    options = ValidateOptions(
        no_feats=args.no_feats,
        no_text=args.no_text,
        no_wav=args.no_wav,
        no_spk_sort=args.no_spk_sort,
        non_print=args.non_print,
    )
    with speaking_as(args.script) as say:
        validate_data_dir(args.data_dir, options, say)
        if args.check_audio:
            from moeasr.kaldi.check_audio import check_audio
            from moeasr.kaldi.summary import describe_audio

            audio = check_audio(args.data_dir, say, args.sample_rate, args.text_units)
            print(describe_audio(args.data_dir, audio.audio_sec, audio.sample_rate_hz), flush=True)
        detail(say, f"Successfully validated data-directory {args.data_dir}")


if __name__ == "__main__":
    run(main)
