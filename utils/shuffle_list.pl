#!/usr/bin/env python3
"""Print the lines of the input in random order.

Usage: shuffle_list.pl [--srand <seed>] [<input>] > output

The default seed is 0, so the order is the same in every call. It is also the order of Kaldi's
script.
"""

import sys
from pathlib import Path

USAGE = "Usage: shuffle_list.pl [--srand <seed>] [<input>] > output"


def main() -> None:
    """Shuffle a file or standard input."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.kaldi.shuffle import shuffled

    arguments, seed = sys.argv[1:], 0
    if arguments[:1] == ["--srand"]:
        if len(arguments) < 2 or not arguments[1].isdigit():
            sys.exit(f"--srand must be a whole number, but is '{' '.join(arguments[1:2])}'")
        seed, arguments = int(arguments[1]), arguments[2:]
    if len(arguments) > 1 or (arguments and len(arguments[0]) > 1 and arguments[0][0] == "-"):
        sys.exit(USAGE)
    name = arguments[0] if arguments else "-"
    with sys.stdin.buffer if name == "-" else open(name, "rb") as stream:
        lines = [line.removesuffix(b"\n") + b"\n" for line in stream]
    sys.stdout.buffer.writelines(shuffled(lines, seed))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        sys.exit(f"shuffle_list.pl: {error.filename}: {error.strerror}")
