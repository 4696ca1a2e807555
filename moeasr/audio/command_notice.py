"""A notice to the user, once per wav.scp, that reading it runs shell commands."""

from collections.abc import Iterable
from pathlib import Path

from moeasr.audio.commands import are_commands_forbidden, can_run_decoder
from moeasr.audio.pipes import UndecodableError, parse_pipe
from moeasr.audio.probe import probe_audio
from moeasr.errors import InputError


def command_notice(table: str | Path, entries: Iterable[tuple[str, str]]) -> str | None:
    """Return a message if reading the entries of a wav.scp runs shell commands.

    The process that opens a table calls this function before workers read the table, so that the
    message appears once rather than once per worker. Commands that moeasr emulates do not run in a
    shell, unless they read a file that libsndfile cannot decode. To find out, one file per program
    is probed.

    Args:
        table: The wav.scp.
        entries: The keys and values of the wav.scp.

    Returns:
        The message, which names the first command; None if no command is run, or if commands are
        forbidden.
    """
    if are_commands_forbidden():
        return None
    programs: set[str] = set()
    for key, entry in entries:
        entry = entry.strip()
        if entry.endswith("|") and _runs_shell(entry, programs):
            return (
                f"{table}: reading this table runs shell commands, the first one for {key}: "
                f"`{entry.removesuffix('|').strip()}` (to forbid them, set MOEASR_NO_COMMANDS=1)"
            )
    return None


def _runs_shell(entry: str, programs: set[str]) -> bool:
    """Return whether an entry needs the shell; `programs` collects the programs already probed."""
    pipe = parse_pipe(entry)
    if pipe.source is None:
        return True
    if pipe.decoder in programs or not can_run_decoder(pipe):
        return False
    programs.add(pipe.decoder)
    try:
        probe_audio(pipe.source, read_all=True)  # libsndfile opens Shorten, but cannot decode it
    except UndecodableError:
        return True
    except InputError:  # the file is missing, which its reader will report
        pass
    return False
