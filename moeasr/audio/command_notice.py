"""Notice, once per wav.scp, that reading it runs commands."""

from collections.abc import Iterable
from pathlib import Path

from moeasr.audio.commands import are_commands_forbidden, can_run_decoder
from moeasr.audio.pipes import UndecodableError, parse_pipe
from moeasr.audio.probe import probe_audio
from moeasr.errors import InputError


def command_notice(table: str | Path, entries: Iterable[tuple[str, str]]) -> str | None:
    """Return a sentence if reading the entries of a wav.scp runs commands in the shell.

    It is for the process that opens a table, before workers read it: each of them would say so
    anew. Commands that moeasr does itself run nothing, unless they name a file that libsndfile does
    not know; of each program one file is looked at.

    Args:
        table: The wav.scp.
        entries: Its keys and values.

    Returns:
        The sentence, which names the first command; None if there is none, or if commands are
        forbidden.
    """
    if are_commands_forbidden():
        return None
    programs: set[str] = set()
    for key, entry in entries:
        entry = entry.strip()
        if entry.endswith("|") and _runs_shell(entry, programs):
            return (
                f"{table}: reading it runs commands in the shell, the first one for {key}: "
                f"`{entry.removesuffix('|').strip()}` (--no-commands refuses them)"
            )
    return None


def _runs_shell(entry: str, programs: set[str]) -> bool:
    """Return whether the shell is needed; adds to the `programs` whose files have been tried."""
    pipe = parse_pipe(entry)
    if pipe.source is None:
        return True
    if pipe.decoder in programs or not can_run_decoder(pipe):
        return False
    programs.add(pipe.decoder)
    try:
        probe_audio(pipe.source, read_all=True)  # a header of Shorten tells what none decodes
    except UndecodableError:
        return True
    except InputError:  # it is missing, which is for its reader to say
        pass
    return False
