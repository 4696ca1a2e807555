"""`moeasr <entry> ...`: the same entry points as `python -m moeasr.bin.<entry>`, by name."""

import importlib
import pkgutil
import sys
from pathlib import Path

from moeasr import __version__
from moeasr.bin import run


def entry_names() -> list[str]:
    """Return the modules of `moeasr/bin`: a new file there is a new command.

    Packages there hold what commands have in common.
    """
    modules = pkgutil.iter_modules([str(Path(__file__).parent / "bin")])
    return sorted(module.name for module in modules if not module.ispkg)


def main() -> None:
    """Run the entry point that the first argument names."""
    names = entry_names()
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: moeasr <entry> [options]     (moeasr <entry> --help tells more)")
        print("entries: " + " ".join(names))
        return
    if arguments[0] == "--version":
        print(f"moeasr {__version__}")
        return
    name = arguments[0].replace("-", "_")
    if name not in names:
        sys.exit(f"moeasr: no entry '{arguments[0]}'; there are: {' '.join(names)}")
    sys.argv = [f"moeasr {name}", *arguments[1:]]
    run(importlib.import_module(f"moeasr.bin.{name}").main)


if __name__ == "__main__":
    main()
