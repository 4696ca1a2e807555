"""Print the lowest error rate and its file.

Reads lines `file:%WER 7.4 [ ... ]`, or sclite's `file:| Sum/Avg | ... |`, from standard input.

Called by utils/best_wer.sh.
"""

import argparse
import sys

from moeasr.bin import run
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return Parser(
        description=__doc__,
        epilog="example:\n  grep -H WER exp/*/decode_*/*/score/wer | moeasr best-wer",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def main(argv: list[str] | None = None) -> None:
    """Print the lowest error rate."""
    get_parser().parse_args(argv)
    from moeasr.score.best import best_line

    best = best_line(sys.stdin)
    if best is not None:
        print(best)


if __name__ == "__main__":
    run(main)
