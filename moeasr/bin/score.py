"""Compute the error rates of every decoding mode of a test set.

For each MODE with hypotheses in DIR/MODE/text, writes DIR/MODE/score/:
  wer cer                       Kaldi's %WER and %SER lines, WeNet's line, the 95 % interval
  per_utt per_spk ops           details by words in Kaldi's forms (cer_*: by characters)
  ref.trn hyp.trn               for NIST sclite: sclite -s -i rm -r ref.trn trn -h hyp.trn trn
  score.json                    everything for programs, rates in percent
"""

import argparse
import shlex
import sys

from moeasr.bin import run
from moeasr.kaldi.speak import detail
from moeasr.limits import seed
from moeasr.parser import Parser

LEGEND = (
    "%WER: word errors in percent of the words of the references [ errors / words, inserted, "
    "deleted, substituted ]; CER: the same rate in characters"
)


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m moeasr.bin.score --data-dir data/test "
        "--decode-dir exp/u2pp_moe/decode_test",
    )
    parser.add_argument(
        "--data-dir", required=True, metavar="DIR", help="references: text and utt2spk"
    )
    parser.add_argument(
        "--decode-dir", required=True, metavar="DIR", help="holds MODE/text, or is one MODE itself"
    )
    parser.add_argument(
        "--mode",
        choices=("strict", "present", "all"),
        default="strict",
        help="a reference without hypothesis is an error, left out, or an empty hypothesis",
    )
    parser.add_argument(
        "--cer-spaces",
        choices=("true", "false"),
        default="true",
        help="the space between words counts as a character (default: true, as in ESPnet)",
    )
    parser.add_argument(
        "--non-lang-syms", metavar="FILE", help="symbols such as <noise> that are one character"
    )
    parser.add_argument(
        "--num-resamples", type=int, default=10_000, metavar="N", help="draws of the bootstrap"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the bootstrap")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
    args = get_parser().parse_args(argv)

    from moeasr.errors import InputError
    from moeasr.logs import get_logger, setup_logging
    from moeasr.score.score_dir import References, ScoreOptions, find_mode_dirs, score_mode_dir
    from moeasr.score.staleness import stale_reason
    from moeasr.text.characters import read_non_lang_syms

    if args.num_resamples < 1:
        raise InputError(f"--num-resamples must be at least 1, but is {args.num_resamples}")
    setup_logging()
    options = ScoreOptions(
        missing=args.mode,
        cer_spaces=args.cer_spaces == "true",
        non_lang_syms=tuple(read_non_lang_syms(args.non_lang_syms)) if args.non_lang_syms else (),
        num_resamples=args.num_resamples,
        seed=args.seed,
    )
    command = shlex.join(
        ["python", "-m", "moeasr.bin.score", *(sys.argv[1:] if argv is None else argv)]
    )
    references = References.read(args.data_dir)
    detail(print, LEGEND)  # a recipe goes on to print the table of all sets and modes
    mode_dirs = find_mode_dirs(args.decode_dir)
    for mode_dir in mode_dirs:
        try:
            summary = score_mode_dir(mode_dir, references, options, command)
        except InputError as error:
            # Old hypotheses of changed data must not keep the others from being scored.
            reason = stale_reason(mode_dir) if len(mode_dirs) > 1 else None
            if reason is None:
                raise
            get_logger("score").warning("%s is stale (%s), not scored: %s", mode_dir, reason, error)
            continue
        detail(print, f"{summary['wer_line']} CER {summary['cer']:.2f} {mode_dir}/score/wer")
    print(f"error rates by utterance and speaker: {args.decode_dir}/MODE/score/")


if __name__ == "__main__":
    run(main)
