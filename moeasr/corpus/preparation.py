"""The command line of a data preparation, `local/data_prep.py`, which is the same in every recipe.

So run.sh calls them all alike, and a preparation can take the place of another one.
"""

import argparse
from pathlib import Path

from moeasr.limits import num_processes
from moeasr.parser import Parser


def preparation_parser(description: str | None, download_dir: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every preparation; a corpus may add some of its own.

    Args:
        description: What is prepared, shown by `--help`.
        download_dir: What `--download-dir` means for this corpus; see `tree_or_archive`.
    """
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--download-dir", type=Path, required=True, metavar="DIR", help=download_dir)
    add("--data-dir", type=Path, required=True, metavar="DIR", help="where the sets are written")
    add(
        "--unpack-dir",
        type=Path,
        default=Path("downloads"),
        metavar="DIR",
        help="where archives are unpacked (default: %(default)s)",
    )
    add(
        "--nj",
        type=num_processes,
        default=2,
        metavar="N",
        help="parallel jobs of a preparation that computes much (default: %(default)s)",
    )
    return parser


def tree_or_archive(tree: str) -> str:
    """Return what `--download-dir` means for a published corpus.

    Args:
        tree: The directory that the corpus's archive holds, e.g. `an4`.
    """
    return (
        f"the tree {tree}, or a directory with it or an archive of it; else it is downloaded here"
    )
