"""The option `--no-commands` of all entry points that read a wav.scp."""

import argparse
from collections.abc import Sequence
from typing import Any

from moeasr.audio.commands import forbid_commands


def add_no_commands_option(parser: argparse.ArgumentParser) -> None:
    """Add `--no-commands`, which takes effect as soon as it is parsed."""
    parser.add_argument(
        "--no-commands",
        action=_ForbidCommands,
        nargs=0,
        help="error if wav.scp contains shell commands, as with MOEASR_NO_COMMANDS=1 in the "
        "environment (default: commands are run)",
    )


class _ForbidCommands(argparse.Action):
    """An option that forbids commands in this process and in the processes that it starts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Handle the option; the signature is argparse's."""
        forbid_commands()
