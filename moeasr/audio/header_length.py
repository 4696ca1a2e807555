"""The exact length of a wav.scp entry, from its header and without decoding."""

import os

from moeasr.audio.pipes import UndecodableError, parse_pipe
from moeasr.audio.probe import AudioInfo, info_after
from moeasr.audio.samples import measure_stream
from moeasr.errors import InputError


def measure_header(entry: str) -> AudioInfo | None:
    """Return the sample rate and length of a wav.scp entry; None if it has to be decoded for that.

    Raises:
        InputError: The audio is missing, truncated or not audio. The message names the entry.
    """
    pipe = parse_pipe(entry) if entry.endswith("|") else None
    source, channel = (entry, None) if pipe is None else (pipe.source, pipe.channel)
    if source is None or not os.path.isfile(source):
        return None
    try:
        info = _measure_file(source, channel)
    except UndecodableError:  # the program that the pipe names may be able to read the format
        return None
    for effect in pipe.effects if pipe is not None else ():
        info = info_after(effect, info)
    return info


def _measure_file(path: str, channel: int | None) -> AudioInfo:
    try:
        with open(path, "rb") as stream:
            return measure_stream(stream, f"audio file {path}", channel)
    except OSError as error:
        raise InputError(f"audio file {path} cannot be read: {error.strerror or error}") from None
