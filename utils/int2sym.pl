#!/usr/bin/env python3
"""Replace integers by the symbols that a symbol table has for them.

Usage: int2sym.pl [options] symtab [input] > output
options: [-f (<field>|<field_start>-<field-end>)]
e.g.: -f 2, or -f 3-4
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1].rstrip()


def main() -> None:
    """Map files, or standard input, to standard output."""
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
