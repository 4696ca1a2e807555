"""Commands of a wav.scp, taken apart so far that what they do need not be left to programs.

    cat a.wav | sox -t wav - -t wav - speed 0.9 |

names a file and what is done to it, which is all that a reader has to know: no program need be
installed, none is started, and a header tells the length. What is not understood to the last option
is run by the shell.
"""

import re
import shlex
from dataclasses import dataclass

from moeasr.audio.programs import MIXED, Effect, Stage, parse_command
from moeasr.errors import InputError
from moeasr.fields import SPACES


class UndecodableError(InputError):
    """Audio in a format that is not known here; the program that was named may know it."""


@dataclass(frozen=True, kw_only=True)
class Pipe:
    """What a `command |` yields."""

    source: str | None
    """The entry to read; None if a command has to be run for it."""
    command: str
    """That command."""
    channel: int | None
    """The channel to take of what was read, counted from 1; None or MIXED is their mean."""
    effects: tuple[Effect, ...]
    """What is done to the samples, in order."""
    decoder: str
    """The program that would read `source`."""


def parse_pipe(entry: str, run_decoder: bool = False) -> Pipe:
    """Take a `command |` of a wav.scp apart, from its end as far as it is understood.

    Args:
        entry: The command, with its last `|`.
        run_decoder: Leave the program that reads the file to the shell, even if it is understood.
    """
    command = entry.strip().removesuffix("|").strip()
    source: str | None = None
    channel: int | None = None
    effects: tuple[Effect, ...] = ()
    decoder = ""
    while source is None:
        head, bar, tail = command.rpartition("|")
        words = _words(tail)
        stage = parse_command(words) if words else None
        if stage is None or not _is_first_or_fed(stage, head, bar):
            break
        if stage.source is not None and run_decoder:
            break
        if stage.channel is not None and channel not in (None, MIXED, 1):
            break  # the channel of a channel: an error that is the program's to report
        channel = channel if stage.channel is None else stage.channel
        effects = stage.effects + effects
        source, command, decoder = stage.source, head.strip(), words[0]
    return Pipe(source=source, command=command, channel=channel, effects=effects, decoder=decoder)


def piped_entry(entry: str, command: str) -> str:
    """Return the entry of wav.scp that yields the audio of another entry, changed.

    Args:
        entry: `path`, `command |` or `file.ark:offset`.
        command: An entry point that reads audio, with its arguments: `perturb_speed 0.9`.
    """
    entry = entry.strip(SPACES)
    if entry.endswith("|"):
        return f"{entry} python3 -m moeasr.bin.{command} - |"
    return f"python3 -m moeasr.bin.{command} {shlex.quote(entry)} |"


def _is_first_or_fed(stage: Stage, head: str, bar: str) -> bool:
    """Whether a program reads a file and nothing precedes it, or reads what precedes it.

    The latter has to be a command by itself: `a; b | c` is not `(a; b) | c`, nor `a || b` a pipe.
    """
    if stage.source is not None:
        return not bar
    return bool(bar and head.strip()) and not re.search(r"[;&()\n]|\|\s*$", head)


# What the shell passes on as it is, quotes and backslashes aside: nothing to expand in it.
_PIECE = r"""'[^']*'|"[^"$`\\!]*"|\\[^\n\r]|[^\s'"\\|&;<>()$`*?\[\]{}#!~]"""
_WORD = re.compile(rf"[ \t]*((?:{_PIECE})+)(?=[ \t]|$)")


def _words(command: str) -> list[str] | None:
    """The words of a simple command; None if only the shell can tell."""
    command = command.strip(" \t")
    words: list[str] = []
    at = 0
    while at < len(command):
        match = _WORD.match(command, at)
        if match is None:
            return None
        words += shlex.split(match[1])
        at = match.end()
    return words
