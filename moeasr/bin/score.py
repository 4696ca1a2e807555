"""Compute the error rates of each decoding mode of a test set.

Reads hypotheses from DIR/MODE/text for each decoding mode, and writes to DIR/MODE/score:
  wer cer                  %WER and %SER as in Kaldi, the line of WeNet, and the 95 % interval
  per_utt per_spk ops      word errors in Kaldi's formats (cer_*: character errors)
  ref.trn hyp.trn          input of NIST sclite: sclite -s -i rm -r ref.trn trn -h hyp.trn trn
  score.json               all results for programs, with rates in percent
"""

import argparse

from moeasr.bin import run, typed_command
from moeasr.kaldi.speak import detail
from moeasr.limits import count, seed
from moeasr.parser import Parser

LEGEND = (
    "%WER: word errors in percent of the words of the references [ errors / words, inserted, "
    "deleted, substituted ]; CER: the same rate in characters"
)


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr score --data-dir data/test "
        "--decode-dir exp/u2pp_moe/decode_test",
    )
    parser.add_argument(
        "--data-dir",
        required=True,
        metavar="DIR",
        help="data directory with the references, text and utt2spk",
    )
    parser.add_argument(
        "--decode-dir",
        required=True,
        metavar="DIR",
        help="directory written by moeasr decode, or its subdirectory of one mode",
    )
    parser.add_argument(
        "--mode",
        choices=("strict", "present", "all"),
        default="strict",
        help="treatment of references without hypothesis: strict reports an error, present leaves "
        "them out, all scores them as empty hypotheses (default: %(default)s)",
    )
    parser.add_argument(
        "--cer-spaces",
        choices=("true", "false"),
        default="true",
        help="spaces between words as characters in the CER, as in ESPnet (default: %(default)s)",
    )
    parser.add_argument(
        "--non-lang-syms",
        metavar="FILE",
        help="list of symbols that are one character in the CER, such as <noise> (default: none)",
    )
    parser.add_argument(
        "--num-resamples",
        type=count,
        default=10_000,
        metavar="N",
        help="number of bootstrap samples for the interval (default: %(default)s)",
    )
    text = "seed of the bootstrap samples (default: %(default)s)"
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help=text)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr score`."""
    args = get_parser().parse_args(argv)

    from moeasr.errors import InputError
    from moeasr.logs import get_logger, setup_logging
    from moeasr.score.score_dir import References, ScoreOptions, find_mode_dirs, score_mode_dir
    from moeasr.score.staleness import stale_reason
    from moeasr.text.characters import read_non_lang_syms

    setup_logging()
    options = ScoreOptions(
        missing=args.mode,
        cer_spaces=args.cer_spaces == "true",
        non_lang_syms=tuple(read_non_lang_syms(args.non_lang_syms)) if args.non_lang_syms else (),
        num_resamples=args.num_resamples,
        seed=args.seed,
    )
    command = typed_command("score", argv)
    references = References.read(args.data_dir)
    detail(print, LEGEND)  # recipes omit it, because they print a table with its own legend
    mode_dirs = find_mode_dirs(args.decode_dir)
    for mode_dir in mode_dirs:
        try:
            summary = score_mode_dir(mode_dir, references, options, command)
        except InputError as error:
            # Stale hypotheses do not prevent the scoring of other modes.
            reason = stale_reason(mode_dir) if len(mode_dirs) > 1 else None
            if reason is None:
                raise
            get_logger("score").warning(
                "%s is stale (%s) and was not scored: %s", mode_dir, reason, error
            )
            continue
        detail(print, f"{summary['wer_line']} CER {summary['cer']:.2f} {mode_dir}/score/wer")
    is_mode = mode_dirs[0].samefile(args.decode_dir)  # otherwise, modes are directories below it
    place = mode_dirs[0] if is_mode else f"{args.decode_dir}/MODE"
    print(f"error rates by utterance and speaker: {place}/score/")


if __name__ == "__main__":
    run(main)
