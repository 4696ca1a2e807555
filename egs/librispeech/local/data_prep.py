"""Prepare LibriSpeech: `data/train`, `data/dev` and the test sets in Kaldi's format.

The training set and dev may consist of several parts of the corpus. Each test set is one part, with
`_` instead of `-` in its name. Only the requested parts are searched for or downloaded.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data
"""

import argparse

from corpus import PARTS, Part, read_part

from moeasr.bin import run
from moeasr.corpus.obtain import obtain
from moeasr.corpus.preparation import preparation_parser, tree_or_archive
from moeasr.datadir.write import Utterance, write_sets
from moeasr.logs import get_logger, setup_logging

logger = get_logger("librispeech")


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = preparation_parser(__doc__, tree_or_archive("LibriSpeech"))
    for option, default, what in (
        ("--train-parts", "train-clean-100 train-clean-360 train-other-500", "to train on"),
        ("--dev-parts", "dev-clean dev-other", "that form the dev set"),
    ):
        parser.add_argument(
            option,
            nargs="+",
            default=default.split(),
            choices=PARTS,
            metavar="PART",
            help=f"parts of the corpus {what} (default: {default})",
        )
    parser.add_argument(
        "--test-sets",
        nargs="+",
        default=["test_clean", "test_other"],
        choices=["dev", *(name.replace("-", "_") for name in PARTS)],
        metavar="SET",
        help="test sets, with _ in place of - (default: test_clean test_other); the set dev is "
        "always prepared",
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the sets and print their sizes."""
    args = get_parser().parse_args(argv)
    setup_logging()

    def read(names: list[str]) -> list[Utterance]:
        return [utterance for name in names for utterance in obtain_part(PARTS[name])]

    def obtain_part(part: Part) -> list[Utterance]:
        root = obtain(part.corpus, args.download_dir, args.unpack_dir).resolve()
        utterances = read_part(root)
        if len(utterances) != part.num_utts:
            logger.warning("%s has %d of %d utterances", part.name, len(utterances), part.num_utts)
        return utterances

    sets = {"train": read(args.train_parts), "dev": read(args.dev_parts)}
    for name in args.test_sets:
        if name != "dev":
            sets[name] = read([name.replace("_", "-")])
    write_sets(sets, args.data_dir)


if __name__ == "__main__":
    run(main)
