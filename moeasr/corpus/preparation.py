"""The command line that `local/data_prep.py` has in every recipe.

Because run.sh calls all of them with the same options, one preparation can replace another.
"""

import argparse
from pathlib import Path

from moeasr.limits import num_processes
from moeasr.parser import Parser


def preparation_parser(description: str | None, download_dir: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every preparation; a recipe may add more options.

    Args:
        description: Description of the corpus, which `--help` prints.
        download_dir: Help text of `--download-dir`; see `tree_or_archive`.
    """
    parser = Parser(description=description)
    add = parser.add_argument
    add("--download-dir", type=Path, required=True, metavar="DIR", help=download_dir)
    add("--data-dir", type=Path, required=True, metavar="DIR", help="output directory of the sets")
    add(
        "--unpack-dir",
        type=Path,
        default=Path("downloads"),
        metavar="DIR",
        help="directory to unpack archives to (default: %(default)s)",
    )
    add(
        "--nj",
        type=num_processes,
        default=2,
        metavar="N",
        help="number of parallel jobs, if the preparation uses them (default: %(default)s)",
    )
    return parser


def tree_or_archive(tree: str) -> str:
    """Return the help text of `--download-dir` for a published corpus.

    Args:
        tree: The directory in the archive of the corpus, such as `an4`.
    """
    return (
        f"the directory {tree}, or a directory that contains it or its archive; otherwise the "
        "archive is downloaded to this directory"
    )
