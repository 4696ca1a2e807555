"""Gather all scores of an experiment in RESULTS.md and results.json.

Reads decode_<set>/<mode>/score/score.json of all test sets and decoding modes, and the log of the
training. Writes both files to the experiment directory.
"""

import argparse

from moeasr.bin import run
from moeasr.parser import Parser
from moeasr.strict_json import write_json


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr results --exp-dir exp/u2pp_moe",
    )
    parser.add_argument("--exp-dir", required=True, metavar="DIR", help="experiment directory")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr results`."""
    args = get_parser().parse_args(argv)

    from pathlib import Path

    from moeasr.atomic import atomic_path
    from moeasr.logs import setup_logging
    from moeasr.score.results_page import PROVENANCE_TITLE, results_page
    from moeasr.score.results_table import gather

    setup_logging()
    exp_dir = Path(args.exp_dir)
    records = gather(exp_dir)
    page = results_page(records, exp_dir)
    write_json(exp_dir / "results.json", records)
    with atomic_path(exp_dir / "RESULTS.md") as temporary:
        temporary.write_text(page, encoding="utf-8")
    # Commits and commands are not printed.
    print(page.partition(PROVENANCE_TITLE)[0].rstrip())


if __name__ == "__main__":
    run(main)
