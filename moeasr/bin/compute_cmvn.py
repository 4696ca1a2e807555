"""Compute the global mean and variance of the features of a data set.

Reads the features of all utterances, or computes them from audio or shards. Writes a JSON file in
WeNet's format, which training uses to normalise features (CMVN).
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import num_processes
from moeasr.parser import Parser
from moeasr.plurals import counted

EPILOG = """example:
  moeasr compute-cmvn --data-dir data/train --out data/train/global_cmvn

The result depends neither on the data type nor on the number of processes."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="data directory of the training set"
    )
    source.add_argument(
        "--scp",
        type=Path,
        metavar="FILE",
        help="feats.scp of the training set, instead of --data-dir",
    )
    parser.add_argument(
        "--data-type",
        choices=("feats", "raw", "shard"),
        default="feats",
        help="source of features: feats.scp, audio, or shards (default: %(default)s)",
    )
    parser.add_argument(
        "--nj",
        type=num_processes,
        default=1,
        metavar="N",
        help="number of parallel processes (default: %(default)s)",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="JSON file to write")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr compute-cmvn`."""
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
    job = CmvnJob(utterances, reader)
    parts = in_background(job.stats_of, range(len(utterances)), 0 if args.nj == 1 else args.nj)
    stats = None
    shown = progress(parts, "mean and variance of features", len(utterances), "utterances")
    for index, part in enumerate(shown):
        try:
            stats = part if stats is None else stats.merge([part])
        except InputError as error:
            raise InputError(f"utterance {utterances[index].utt_id}: {error}") from None
    stats.mean_istd()  # raises InputError if all features are empty, before a file is written
    stats.save(args.out)
    get_logger("compute_cmvn").info(
        "%s: mean and variance of the features of %s (%d frames), to normalise features",
        *(args.out, counted(len(utterances), "utterance"), stats.frame_num),
    )


if __name__ == "__main__":
    run(main)
