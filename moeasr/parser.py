"""The command-line parser of all entry points, which suggests the option that was meant."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from moeasr.errors import did_you_mean
from moeasr.rank_report import send_report


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors are one line, with a suggestion for a misspelt option."""

    _given: Sequence[str] = ()

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse the options that are known; the signature is argparse's."""
        self._given = sys.argv[1:] if args is None else args
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        """Return the help, whose first and last paragraphs keep their lines."""
        self.formatter_class = _HelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print one line to standard error, or send it to the launcher; exit with status 2."""
        unknown = self._unknown_option()
        if unknown is not None:
            nearest = did_you_mean(unknown, self._long_options(), "--")
            message = f"unknown option {unknown}{nearest} (--help lists all options)"
        is_sent = send_report("failed", message)  # one process of several that were launched
        self.exit(2, None if is_sent else f"{self.prog}: error: {message}\n")

    def _long_options(self) -> list[str]:
        return [name for name in self._option_string_actions if name.startswith("--")]

    def _unknown_option(self) -> str | None:
        """Return the first given option that is neither a known option nor the beginning of one."""
        for argument in self._given:
            name = argument.partition("=")[0]
            if name == "--":
                break
            is_known = any(known.startswith(name) for known in self._option_string_actions)
            if name.startswith("--") and not is_known:
                return name
        return None


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A formatter of the help that does not break the name of an option at a hyphen."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)
