#!/usr/bin/env python3
"""Replace symbols by the integers that a symbol table gives them.

Usage: sym2int.pl [options] symtab [input transcriptions] > output transcriptions
options: [--map-oov <oov-symbol> ]  [-f <field-range> ]
note: <field-range> can look like 4-5, or 4-, or 5-, or 1.

An unknown symbol is an error, or with --map-oov becomes what that symbol (or integer) is.
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1]


def main() -> None:
    """Map files, or standard input, to standard output."""
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
            raise InputError("the --map-oov option requires an argument")
        else:
            oov = values[0]
    if not arguments:
        sys.exit(USAGE)
    converter = SymbolsToIntegers(read_symbols(arguments[0]), fields, oov)
    filter_lines_of(arguments[1:], converter.convert)
    if converter.num_replaced:
        print(
            f"** Replaced {converter.num_replaced} instances of OOVs with {converter.oov}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.bin import run

    run(main)
