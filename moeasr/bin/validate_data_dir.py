"""Check that the tables of a data directory are sorted, complete and consistent.

At the first fault, prints its file and line and exits with status 1.

Called by utils/validate_data_dir.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import detail, speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr validate-data-dir --no-feats --check-audio data/train",
    )
    parser.add_argument("--no-feats", action="store_true", help="no error if feats.scp is missing")
    parser.add_argument("--no-text", action="store_true", help="no error if text is missing")
    parser.add_argument("--no-wav", action="store_true", help="no error if wav.scp is missing")
    parser.add_argument(
        "--no-spk-sort",
        action="store_true",
        help="no error if utt2spk is not sorted by speaker",
    )
    parser.add_argument(
        "--non-print", action="store_true", help="no error for non-printable characters in text"
    )
    parser.add_argument(
        "--check-audio",
        action="store_true",
        help="additional check of the audio; reports each utterance whose audio is missing, empty "
        "or truncated, has another sample rate, or is too short for its transcript with CTC (short "
        "audio is an error only if many utterances have it)",
    )
    parser.add_argument(
        "--sample-rate",
        type=int,
        metavar="HZ",
        help="sample rate that --check-audio requires (default: that of most recordings)",
    )
    parser.add_argument(
        "--text-units",
        choices=("char", "bpe", "word"),
        default="char",
        help="units of transcripts for --check-audio (default: %(default)s)",
    )
    parser.add_argument(
        "--script",
        default="validate_data_dir",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("data_dir", type=Path, help="data directory to check")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Check a data directory."""
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
