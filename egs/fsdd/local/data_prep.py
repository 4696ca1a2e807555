"""Prepare the Free Spoken Digit Dataset: `data/{train,dev,test}` in Kaldi's format.

The official test set consists of the indices 0 to 4 of every digit and speaker. In the official
training set, the indices 5 to 9 are dev and all others train. All speakers are in all three sets.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data
"""

from recordings import read_recordings

from moeasr.bin import run
from moeasr.corpus.download import Published
from moeasr.corpus.obtain import Corpus, obtain
from moeasr.corpus.preparation import preparation_parser, tree_or_archive
from moeasr.datadir.write import Utterance, write_sets
from moeasr.errors import InputError
from moeasr.logs import setup_logging

TREE = "free-spoken-digit-dataset-1.0.10"
FSDD = Corpus(
    tree=TREE,
    sample="recordings/*.wav",
    # GitHub creates the archive of a tag on request, so its checksum may change.
    published=Published(
        ("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.10.tar.gz",)
    ),
    other_archives=tuple(f"{TREE}.tar.{packing}" for packing in ("gz", "xz")),
)
FIRST_INDEX = {"test": 0, "dev": 5, "train": 10}


def set_of(index: int) -> str:
    """Return the set that a recording belongs to."""
    return max((first, name) for name, first in FIRST_INDEX.items() if first <= index)[1]


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and print their sizes."""
    args = preparation_parser(__doc__, tree_or_archive(TREE)).parse_args(argv)
    setup_logging()
    root = obtain(FSDD, args.download_dir, args.unpack_dir).resolve()
    sets: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    for recording in read_recordings(root):
        sets[set_of(recording.index)].append(recording.utterance)
    for name, utterances in sets.items():
        if not utterances:
            raise InputError(
                f"{root}: the {name} set has no recordings (its first index is {FIRST_INDEX[name]})"
            )
    write_sets(sets, args.data_dir)


if __name__ == "__main__":
    run(main)
