"""`moeasr <command> ...`, which calls the entry points in `moeasr/bin` by name."""

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

from moeasr.bin import run
from moeasr.errors import did_you_mean
from moeasr.version import describe_version

BIN = Path(__file__).parent / "bin"
GROUPS = {
    "train": ("train", "launch", "average", "compare", "show_config"),
    "decode": ("transcribe", "stream", "serve", "decode", "score", "results"),
    "inspect": ("report", "usage", "profile", "plan", "benchmark"),
    "convert": ("export", "upcycle", "densify", "prune", "import_wenet", "export_wenet"),
    "data": ("make_dict", "make_lm", "compute_cmvn", "index_shards"),
}
"""The commands that `moeasr --help` shows. The others are called by scripts in `utils/`."""


def entry_names() -> list[str]:
    """Return the names of all commands, which are the modules of `moeasr/bin`.

    Packages in that directory contain code that several commands share.
    """
    modules = pkgutil.iter_modules([str(BIN)])
    return sorted(module.name for module in modules if not module.ispkg)


def help_text() -> str:
    """Return the commands by group, each with the first line of its module's docstring."""
    lines = [
        "usage: moeasr <command> [options]        moeasr <command> --help shows its options",
        "",
    ]
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
            "The scripts in utils/ prepare data directories.",
        ]
    )


def _spoken(name: str) -> str:
    """Return a command's name as users write it: `make-dict` for `make_dict`."""
    return name.replace("_", "-")


def _summary(name: str) -> str:
    """Return the first line of a command's docstring, without the slow import of the module."""
    tree = ast.parse((BIN / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")


def main() -> None:
    """Run the command that is given as the first argument."""
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
        nearest = did_you_mean(_spoken(name), map(_spoken, names))
        error = f"there is no command '{arguments[0]}'{nearest}"
        sys.exit(f"moeasr: {error} (moeasr --help lists the commands)")
    sys.argv = [f"moeasr {_spoken(name)}", *arguments[1:]]
    run(importlib.import_module(f"moeasr.bin.{name}").main)


if __name__ == "__main__":
    main()
