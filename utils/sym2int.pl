#!/usr/bin/env python3
"""Replace symbols by their integers in a symbol table.

Usage: sym2int.pl [options] <symbol-table> [<input>] > output
Options:
  -f <field-range>      # fields to replace, counted from 1: 1, 4-5 or 4- (default: all)
  --map-oov <symbol>    # symbol, or its integer, that replaces unknown symbols (default: an error)
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1].rstrip()


def main() -> None:
    """Replace the symbols of files or of standard input."""
    from moeasr.errors import InputError
    from moeasr.kaldi.filters import filter_lines_of, parse_range
    from moeasr.kaldi.symbols import SymbolsToIntegers, read_symbols

    arguments, fields, oov = sys.argv[1:], slice(None), None
    while arguments and arguments[0] in ("--map-oov", "-f"):
        option, *values = arguments[:2]
        arguments = arguments[2:]
        if option == "-f":
            fields = parse_range("".join(values))
        elif values in ([], [""], ["-f"]) or values[0].endswith("words.txt"):
            raise InputError("the option --map-oov requires a symbol")
        else:
            oov = values[0]
    if not arguments:
        sys.exit(USAGE)
    converter = SymbolsToIntegers(read_symbols(arguments[0]), fields, oov)
    filter_lines_of(arguments[1:], converter.convert)
    if converter.num_replaced:
        print(
            f"sym2int.pl: replaced {converter.num_replaced} unknown symbols by {converter.oov}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
