"""Merge the features that parallel jobs of make-fbank wrote.

Writes feats.scp, utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml to a data directory. It
is an error if more than 5 % of the utterances have no features.

Called by utils/make_fbank.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import detail, speaking_as
from moeasr.kaldi.summary import describe_set
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr gather-fbank --fbank-config conf/fbank.yaml data/dev \\\n"
        "      fbank/raw_fbank_dev.1.scp fbank/raw_fbank_dev.2.scp",
    )
    parser.add_argument(
        "--fbank-config",
        required=True,
        metavar="FILE",
        help="filter-bank settings that the jobs used",
    )
    parser.add_argument("--no-num-frames", action="store_true", help="do not write utt2num_frames")
    parser.add_argument("--no-dur", action="store_true", help="do not write utt2dur")
    parser.add_argument(
        "--script", default="gather_fbank", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument("data_dir", type=Path, help="data directory of the features")
    parser.add_argument(
        "scps", type=Path, nargs="+", help="index (.scp) written by each job, in order"
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Gather the features of a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.command_notice import command_notice
    from moeasr.data.feature_settings import write_settings
    from moeasr.datadir.table import Table
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.kaldi.gather import gather_feats

    unwanted = {"utt2num_frames": args.no_num_frames, "utt2dur": args.no_dur}
    with speaking_as(args.script) as say:
        config = load_fbank_config(args.fbank_config)
        tables = [name for name, is_unwanted in unwanted.items() if not is_unwanted]
        gather_feats(args.data_dir, args.scps, tables, config.sample_rate_hz, say)
        write_settings(args.data_dir, config)
        wav_scp = args.data_dir / "wav.scp"
        notice = command_notice(wav_scp, Table(wav_scp).items())
        if notice:  # the jobs wrote it only to their logs
            say(notice)
        detail(say, f"Succeeded creating filterbank features for {args.data_dir.name}")
        print(describe_set(args.data_dir, "stored the filter banks of"), flush=True)


if __name__ == "__main__":
    run(main)
