"""Parser of the commands in a wav.scp, so that moeasr can emulate them without running programs.

    cat a.wav | sox -t wav - -t wav - speed 0.9 |

names a file and an effect, which is all that a reader has to know. No program has to be installed
or started, and the length follows from the file's header. A command with any option that moeasr
does not know is run by the shell.
"""

import re
import shlex
from dataclasses import dataclass

from moeasr.audio.programs import MIXED, Effect, Stage, parse_command
from moeasr.errors import InputError
from moeasr.fields import SPACES


class UndecodableError(InputError):
    """Audio in a format that libsndfile cannot decode; the command's program may support it."""


@dataclass(frozen=True, kw_only=True)
class Pipe:
    """A parsed `command |` of a wav.scp."""

    source: str | None
    """The entry to read; None if `command` has to be run instead."""
    command: str
    """The part of the command that has to be run by the shell; empty if there is a `source`."""
    channel: int | None
    """The channel to select, counted from 1; None or MIXED is the mean of all channels."""
    effects: tuple[Effect, ...]
    """The effects to apply to the samples, in order."""
    decoder: str
    """The program that would read `source`."""


def parse_pipe(entry: str, run_decoder: bool = False) -> Pipe:
    """Parse a `command |` of a wav.scp from its end, as far as moeasr can emulate its programs.

    Args:
        entry: The command, with its last `|`.
        run_decoder: True to run the program that reads the file, even if moeasr can emulate it.
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
            break  # the audio has a single channel already, and the program will report the error
        channel = channel if stage.channel is None else stage.channel
        effects = stage.effects + effects
        source, command, decoder = stage.source, head.strip(), words[0]
    return Pipe(source=source, command=command, channel=channel, effects=effects, decoder=decoder)


def piped_entry(entry: str, command: str) -> str:
    """Return a wav.scp entry that passes the audio of another entry through a command.

    Args:
        entry: The other entry: `path`, `command |` or `file.ark:offset`.
        command: An entry point that reads audio, with its arguments, such as `perturb_speed 0.9`.
    """
    entry = entry.strip(SPACES)
    if entry.endswith("|"):
        return f"{entry} python3 -m moeasr.bin.{command} - |"
    return f"python3 -m moeasr.bin.{command} {shlex.quote(entry)} |"


def _is_first_or_fed(stage: Stage, head: str, bar: str) -> bool:
    """Return whether a program has an input: a file if it is the first, else the command before.

    The preceding part must be one command: `a; b | c` is not `(a; b) | c`, and `a || b` is not a
    pipe.
    """
    if stage.source is not None:
        return not bar
    return bool(bar and head.strip()) and not re.search(r"[;&()\n]|\|\s*$", head)


# Text that the shell passes on unchanged, apart from quotes and backslashes.
_PIECE = r"""'[^']*'|"[^"$`\\!]*"|\\[^\n\r]|[^\s'"\\|&;<>()$`*?\[\]{}#!~]"""
_WORD = re.compile(rf"[ \t]*((?:{_PIECE})+)(?=[ \t]|$)")


def _words(command: str) -> list[str] | None:
    """Return the words of a simple command; None if only the shell can split it."""
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
