"""Prepare AN4: `data/{train,dev,test}` in Kaldi's format from the lists of the corpus.

The official test set is unchanged. The official training set is divided by speaker: every eleventh
speaker in the order of names belongs to dev, all others to train. In this order women come first,
so dev has both genders.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data
"""

from transcripts import read_set, unlisted_audio

from moeasr.bin import run
from moeasr.corpus.download import Published
from moeasr.corpus.held_out import hold_out_speakers
from moeasr.corpus.obtain import Corpus, obtain
from moeasr.corpus.preparation import preparation_parser, tree_or_archive
from moeasr.datadir.write import write_sets
from moeasr.logs import get_logger, setup_logging
from moeasr.plurals import counted

AN4 = Corpus(
    tree="an4",
    sample="etc/an4_train.fileids",
    # The first is the original source, which is sometimes unreachable. Neither gives a checksum.
    published=Published(
        (
            "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz",
            "https://dldata-public.s3.us-east-2.amazonaws.com/an4_sphere.tar.gz",
        )
    ),
    other_archives=("an4.tar.xz", "an4.tar.gz", "an4.tar"),
)

logger = get_logger("an4")


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and print their sizes."""
    args = preparation_parser(__doc__, tree_or_archive(AN4.tree)).parse_args(argv)
    setup_logging()
    root = obtain(AN4, args.download_dir, args.unpack_dir).resolve()
    official_train, test = read_set(root, "train"), read_set(root, "test")
    ignored = unlisted_audio(root, official_train + test)
    if ignored:
        files = counted(len(ignored), "audio file has", "audio files have")
        logger.warning("%s no transcript, e.g. %s", files, ignored[0])
    write_sets({**hold_out_speakers(official_train, root), "test": test}, args.data_dir)


if __name__ == "__main__":
    run(main)
