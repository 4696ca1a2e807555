"""Compute the global mean and variance of the features of a data set.

The file has WeNet's JSON form.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import num_processes
from moeasr.parser import Parser

EPILOG = """example:
  python3 -m moeasr.bin.compute_cmvn --data-dir data/train --out data/train/global_cmvn

The result is the same for all data types and any number of processes."""


def get_parser() -> argparse.ArgumentParser:
    """The options of this entry point."""
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data-dir", type=Path, metavar="DIR", help="the training set")
    source.add_argument("--scp", type=Path, help="feats.scp of the training set")
    parser.add_argument(
        "--data-type",
        choices=("feats", "raw", "shard"),
        default="feats",
        help="what of the data directory is read (default: %(default)s)",
    )
    parser.add_argument(
        "--nj", type=num_processes, default=1, help="processes (default: %(default)s)"
    )
    parser.add_argument("--out", required=True, help="JSON file to write")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.data.background import in_background
    from moeasr.data.cmvn_job import CmvnJob
    from moeasr.data.data_type import StoredFeatures, find_data_type
    from moeasr.datadir.utterances import open_utterances
    from moeasr.logs import get_logger, progress, setup_logging

    setup_logging()
    torch.set_num_threads(1)
    if args.scp is not None:
        utterances, reader = open_utterances(args.scp), StoredFeatures()
    else:
        kind = find_data_type(args.data_type)
        utterances, reader = kind.open(args.data_dir), kind.open_reader(args.data_dir)
    if not utterances:
        raise InputError(f"{args.scp or args.data_dir} lists no features")
    job = CmvnJob(utterances, reader)
    parts = in_background(job.stats_of, range(len(utterances)), 0 if args.nj == 1 else args.nj)
    stats = None
    shown = progress(parts, "mean and variance of features", len(utterances), "utterances")
    for index, part in enumerate(shown):
        try:
            stats = part if stats is None else stats.merge([part])
        except InputError as error:
            raise InputError(f"utterance {utterances[index].utt_id}: {error}") from None
    stats.mean_istd()  # an InputError here if all features are empty: write nothing then
    stats.save(args.out)
    get_logger("compute_cmvn").info(
        "%s: mean and variance of the features of %d utterances (%d frames), to normalise features",
        *(args.out, len(utterances), stats.frame_num),
    )


if __name__ == "__main__":
    run(main)
