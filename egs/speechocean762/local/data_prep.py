"""Prepare speechocean762: `data/{train,dev,test}` in Kaldi's format from the lists of the corpus.

The official test set is unchanged. The official training set is divided by speaker: every eleventh
speaker in the order of names belongs to dev, all others to train. No speaker is in two sets. A
subset of the corpus is sufficient if its lists contain only the utterances of the subset.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data
"""

from kaldi_lists import read_set

from moeasr.bin import run
from moeasr.corpus.download import openslr
from moeasr.corpus.held_out import hold_out_speakers
from moeasr.corpus.obtain import Corpus, obtain
from moeasr.corpus.preparation import preparation_parser, tree_or_archive
from moeasr.datadir.write import write_sets
from moeasr.logs import setup_logging

SPEECHOCEAN = Corpus(
    tree="speechocean762",
    sample="train/wav.scp",
    published=openslr(101, "speechocean762.tar.gz", num_bytes=520810923),
    other_archives=("speechocean762-part.tar.xz",),
)


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and print their sizes."""
    args = preparation_parser(__doc__, tree_or_archive(SPEECHOCEAN.tree)).parse_args(argv)
    setup_logging()
    root = obtain(SPEECHOCEAN, args.download_dir, args.unpack_dir).resolve()
    official_train, test = read_set(root, "train"), read_set(root, "test")
    write_sets({**hold_out_speakers(official_train, root), "test": test}, args.data_dir)


if __name__ == "__main__":
    run(main)
