#!/usr/bin/env python3
"""Replace integers by their symbols in a symbol table.

Usage: int2sym.pl [-f <field-range>] <symbol-table> [<input>] > output
Options:
  -f <field-range>  # fields to replace, counted from 1, such as 2 or 3-4 (default: all)
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1].rstrip()


def main() -> None:
    """Replace the integers of files or of standard input."""
    from moeasr.kaldi.filters import filter_lines_of, parse_range
    from moeasr.kaldi.symbols import IntegersToSymbols

    arguments, fields = sys.argv[1:], slice(None)
    if arguments[:1] == ["-f"]:
        fields = parse_range("".join(arguments[1:2]))
        arguments = arguments[2:]
    if not arguments:
        sys.exit(USAGE)
    filter_lines_of(arguments[1:], IntegersToSymbols(arguments[0], fields).convert)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
