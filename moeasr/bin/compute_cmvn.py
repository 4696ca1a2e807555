"""Global mean and variance of a feature set, in WeNet's JSON form."""

import argparse

from moeasr.bin import run
from moeasr.errors import InputError

EPILOG = """example:
  python3 -m moeasr.bin.compute_cmvn --scp data/train/feats.scp --out data/train/global_cmvn
"""


def get_parser() -> argparse.ArgumentParser:
    """The options of this entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scp", required=True, help="feats.scp of the training set")
    parser.add_argument("--out", required=True, help="JSON file to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.data.archive import FeatureReader
    from moeasr.data.datadir import read_table
    from moeasr.features.cmvn import CmvnStats
    from moeasr.logs import get_logger, progress, setup_logging

    setup_logging()
    torch.set_num_threads(1)
    entries = read_table(args.scp)
    if not entries:
        raise InputError(f"{args.scp} lists no features")
    reader = FeatureReader()
    stats: CmvnStats | None = None
    for utt_id, entry in progress(entries.items(), "cmvn", len(entries), "utt"):
        feats = reader.read(entry, utt_id)
        if not bool(torch.isfinite(feats).all()):
            raise InputError(f"features of utterance {utt_id} ({entry}) are not finite")
        if stats is None:
            stats = CmvnStats.empty(feats.size(1))
        stats = stats.accumulate(feats)
    stats.mean_istd()  # an InputError here if all features are empty: write nothing then
    stats.save(args.out)
    get_logger("compute_cmvn").info(
        "counted %d frames of %d utterances", stats.frame_num, len(entries)
    )


if __name__ == "__main__":
    run(main)
