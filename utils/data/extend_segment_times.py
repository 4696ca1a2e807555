#!/usr/bin/env python3
"""Pad the times of a segments table from standard input. Replaces Kaldi's script of this name.

Intended difference from Kaldi: a segment that ends before it begins is left out without an error.
"""

import argparse
import sys
from pathlib import Path


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Pad the times of a segments table, e.g. where segments were cut close to the "
        "words.",
        epilog="example:\n  utils/data/extend_segment_times.py --start-padding=0.15 "
        "--end-padding=0.1 < segments.orig > segments",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--start-padding",
        type=float,
        default=0.1,
        metavar="SEC",
        help="padding before each segment (default: %(default)s)",
    )
    text = "padding after each segment (default: %(default)s)"
    add("--end-padding", type=float, default=0.1, metavar="SEC", help=text)
    add(
        "--last-segment-end-padding",
        type=float,
        default=0.1,
        metavar="SEC",
        help="maximum padding after the last segment of a recording (default: %(default)s)",
    )
    add(
        "--fix-overlapping-segments",
        default="true",
        choices=("true", "false"),
        help="separation of overlapping segments in the middle of the overlap (%(default)s)",
    )
    return parser


def main() -> None:
    """Pad the segments of standard input."""
    from moeasr.kaldi.segments import Padding, extend_segments

    args = get_parser().parse_args()
    padding = Padding(
        start_sec=args.start_padding,
        end_sec=args.end_padding,
        last_end_sec=args.last_segment_end_padding,
        fix_overlaps=args.fix_overlapping_segments == "true",
    )
    lines = sys.stdin.buffer.read().splitlines()

    def warn(message: str) -> None:
        print(f"extend_segment_times.py: {message}", file=sys.stderr)

    extended, num_parted = extend_segments(lines, padding, warn)
    sys.stdout.buffer.write(b"".join(line + b"\n" for line in extended))
    warn(f"extended {len(lines)} segments; fixed {num_parted} overlapping segments")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from moeasr.bin import run

    run(main)
