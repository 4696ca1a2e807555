"""The effects of programs that write audio to a pipe, derived from their arguments.

    flac -c -d -s a.flac                        the file
    sph2pipe -f wav -p -c 1 a.sph               its first channel
    sox a.wav -t wav -r 8000 - speed 0.9        the file at another speed and rate

A call with an unknown option cannot be described, and is left to the shell.
"""

import math
import re
from collections.abc import Callable, Collection
from pathlib import PurePath
from typing import NamedTuple


class Speed(NamedTuple):
    """A change of speed: tempo and pitch change together by a factor."""

    factor: float


class Volume(NamedTuple):
    """A change of volume: amplitudes are multiplied by a factor and clipped to the 16-bit range."""

    factor: float


class Resample(NamedTuple):
    """A conversion to another sample rate."""

    target_rate_hz: int


Effect = Speed | Volume | Resample

MIXED = 0
"""Channel number that represents the mean of all channels."""


class Stage(NamedTuple):
    """The input and effect of one program in a pipe."""

    source: str | None
    """The wav.scp entry that the program reads; None is standard input."""
    channel: int | None = None
    """The channel that the program outputs, counted from 1, or MIXED; None is all channels."""
    effects: tuple[Effect, ...] = ()
    """The effects that the program applies, in order."""


def parse_command(words: list[str]) -> Stage | None:
    """Return the effect of a program call on audio; None if it is unknown.

    Args:
        words: Program and arguments, as the shell would pass them on.
    """
    program, *arguments = words
    parse = PROGRAMS.get(PurePath(program).name)
    try:
        return parse(arguments) if parse else None
    except ValueError:  # an invalid number
        return None


def _cat(arguments: list[str]) -> Stage | None:
    if len(arguments) > 1 or any(word.startswith("-") and word != "-" for word in arguments):
        return None
    return Stage(_file([*arguments, "-"][0]))


def _flac(arguments: list[str]) -> Stage | None:
    long = {"--stdout": "c", "--decode": "d", "--silent": "s", "--totally-silent": "s"}
    letters, files = "", []
    for word in arguments:
        if word.startswith("--"):
            letters += long.get(word, "?")
        elif word.startswith("-") and word != "-":
            letters += word[1:]
        else:
            files.append(word)
    if not {"c", "d"} <= set(letters) <= {"c", "d", "s"} or len(files) > 1:
        return None
    return Stage(_file([*files, "-"][0]))


def _sph2pipe(arguments: list[str]) -> Stage | None:
    rest = list(arguments)
    options = _options(rest, ("-f", "-c"), ("-p",))
    if options is None or options.get("-f") not in ("wav", "rif") or len(rest) != 1:
        return None
    return Stage(rest[0], _channel(options["-c"]) if "-c" in options else None)


def _wav_copy(arguments: list[str]) -> Stage | None:
    if len(arguments) != 2 or arguments[1] != "-":
        return None
    return Stage(_file(arguments[0]))


SOX_TYPES = ("wav", "wavpcm", "flac", "sph", "mp3", "ogg", "vorbis", "aiff", "aif")
SOX_SWITCHES = ("-V0", "-V1", "-q", "-D", "-R")


def _sox(arguments: list[str]) -> Stage | None:
    rest = list(arguments)
    given = _options(rest, ("-t", "-v", "--vol"), SOX_SWITCHES)
    source = rest.pop(0) if rest else ""
    wanted = _options(rest, ("-t", "-r", "-c", "-b", "-e"))
    if given is None or wanted is None or not rest or rest.pop(0) != "-":
        return None
    if source.startswith("|") or not source or given.get("-t", "wav") not in SOX_TYPES:
        return None
    if wanted.get("-t") not in ("wav", "wavpcm") or wanted.get("-b", "16") != "16":
        return None
    if not wanted.get("-e", "signed-integer").startswith("signed") or wanted.get("-c", "1") != "1":
        return None
    effects = [Volume(_number(given[name])) for name in ("-v", "--vol") if name in given]
    converted = _sox_effects(rest)
    if converted is None:
        return None
    channel, more = converted
    if channel is None and "-c" in wanted:
        channel = MIXED
    if "-r" in wanted:
        more.append(Resample(_rate(wanted["-r"])))
    return Stage(_file(source), channel, (*effects, *more))


def _sox_effects(rest: list[str]) -> tuple[int | None, list[Effect]] | None:
    """Return the channel and effects given by the arguments after the output's name."""
    channel: int | None = None
    effects: list[Effect] = []
    while rest:
        name, values = rest.pop(0), []
        while rest and re.fullmatch(r"[\d.]+k?|-[a-zA-Z]?", rest[0]):
            values.append(rest.pop(0))
        if name == "channels" and values == ["1"]:
            channel = MIXED if channel is None else channel
        elif name == "remix" and len(values) == 1 and channel is None:
            channel = MIXED if values == ["-"] else _channel(values[0])
        elif name == "speed" and len(values) == 1:
            effects.append(Speed(_positive(values[0])))
        elif name == "vol" and len(values) == 1:
            effects.append(Volume(_number(values[0])))
        elif name == "rate" and values:
            effects.append(Resample(_rate(values[-1])))
        else:
            return None
    return channel, effects


FFMPEG_SILENT = ("-v", "-loglevel", "-ab", "-b:a")
FFMPEG_CODEC = ("-acodec", "-c:a", "-codec:a")
FFMPEG_SWITCHES = ("-hide_banner", "-nostdin", "-y", "-vn")


def _ffmpeg(arguments: list[str]) -> Stage | None:
    rest = list(arguments)
    valued = ("-i", "-f", "-ar", "-ac", *FFMPEG_SILENT, *FFMPEG_CODEC)
    options = _options(rest, valued, FFMPEG_SWITCHES)
    if options is None or rest not in (["-"], ["pipe:1"], ["pipe:"], ["/dev/stdout"]):
        return None
    source = options.get("-i", "")
    if not source or re.match(r"-$|\w+:", source) or options.get("-f") != "wav":
        return None
    names = list(options)
    if set(names[: names.index("-i")]) - {*FFMPEG_SILENT, *FFMPEG_SWITCHES}:
        return None  # options before `-i` change how the input is read
    if any(options.get(name, "pcm_s16le") != "pcm_s16le" for name in FFMPEG_CODEC):
        return None
    if options.get("-ac", "1") != "1":
        return None
    effects = (Resample(_rate(options["-ar"])),) if "-ar" in options else ()
    return Stage(source, MIXED if "-ac" in options else None, effects)


def _python(arguments: list[str]) -> Stage | None:
    """Parse moeasr's own commands, such as `python3 -m moeasr.bin.perturb_speed 0.9 a.wav`."""
    if len(arguments) != 4 or arguments[0] != "-m":
        return None
    _, module, value, source = arguments
    if module == "moeasr.bin.perturb_speed":
        return Stage(_file(source), None, (Speed(_positive(value)),))
    if module == "moeasr.bin.perturb_volume":
        return Stage(_file(source), None, (Volume(_number(value)),))
    if module == "moeasr.bin.resample":
        return Stage(_file(source), None, (Resample(_rate(value)),))
    return None


PROGRAMS: dict[str, Callable[[list[str]], Stage | None]] = {
    "cat": _cat,
    "flac": _flac,
    "sph2pipe": _sph2pipe,
    "wav-copy": _wav_copy,
    "sox": _sox,
    "ffmpeg": _ffmpeg,
    "python": _python,
    "python3": _python,
}


def _options(
    rest: list[str], valued: Collection[str], switches: Collection[str] = ()
) -> dict[str, str] | None:
    """Remove and return the leading options; None if one is unknown or lacks its value."""
    options: dict[str, str] = {}
    while rest and rest[0].startswith("-") and rest[0] != "-":
        name = rest.pop(0)
        if name in switches:
            options[name] = ""
        elif name in valued and rest:
            options[name] = rest.pop(0)
        else:
            return None
    return options


def _file(name: str) -> str | None:
    return None if name == "-" else name


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise ValueError(text)
    return value


def _channel(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _rate(text: str) -> int:
    """Parse a sample rate such as `16000` or `16k`, and return it in Hz."""
    value = _positive(text.removesuffix("k")) * (1000 if text.endswith("k") else 1)
    if value != int(value):
        raise ValueError(text)
    return int(value)
