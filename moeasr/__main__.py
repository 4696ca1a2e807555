"""`moeasr <command> ...`: the entry points of `moeasr/bin` by name."""

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

from moeasr.bin import run
from moeasr.parser import suggestion
from moeasr.version import describe_version

BIN = Path(__file__).parent / "bin"
GROUPS = {
    "train": ("train", "launch", "average", "compare", "show_config"),
    "decode": ("transcribe", "stream", "decode", "score", "results"),
    "inspect": ("usage", "profile", "benchmark"),
    "convert": ("upcycle", "densify", "import_wenet", "export_wenet"),
    "data": ("make_dict", "make_lm", "compute_cmvn", "index_shards"),
}
"""The commands that `moeasr --help` shows. The others do the work of scripts in `utils/`."""


def entry_names() -> list[str]:
    """Return the names of all commands, which are the modules of `moeasr/bin`.

    Packages in that directory hold what several commands share.
    """
    modules = pkgutil.iter_modules([str(BIN)])
    return sorted(module.name for module in modules if not module.ispkg)


def help_text() -> str:
    """Return the commands by group, each with the first line of its module's docstring."""
    lines = ["usage: moeasr <command> [options]        moeasr <command> --help tells more", ""]
    for group, names in GROUPS.items():
        lines.append(f"{group}:")
        lines += [f"  {_spoken(name):<14}{_summary(name)}" for name in names]
        lines.append("")
    return "\n".join(
        [
            *lines,
            "example:",
            "  moeasr transcribe --checkpoint exp/u2pp_moe/averaged.pt recording.wav",
            "",
            "moeasr --version prints the version, the commit and the path of this checkout.",
            "Data directories are prepared with the scripts in utils/.",
        ]
    )


def _spoken(name: str) -> str:
    """Return a command's name as users write it: `make-dict` for `make_dict`."""
    return name.replace("_", "-")


def _summary(name: str) -> str:
    """Return the first line of a command's docstring; the module is not imported, which is slow."""
    tree = ast.parse((BIN / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")


def main() -> None:
    """Run the command that the first argument names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return
    if arguments[0] == "--version":
        print(describe_version())
        return
    names = entry_names()
    name = arguments[0].replace("-", "_")
    if name not in names:
        nearest = suggestion(_spoken(name), map(_spoken, names))
        error = f"there is no command '{arguments[0]}'{nearest}"
        sys.exit(f"moeasr: {error} (moeasr --help lists the commands)")
    sys.argv = [f"moeasr {_spoken(name)}", *arguments[1:]]
    run(importlib.import_module(f"moeasr.bin.{name}").main)


if __name__ == "__main__":
    main()
