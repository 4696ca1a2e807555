"""Change the audio of a data directory on paper: resample_data_dir.sh, perturb_data_dir_volume.sh.

No sound is touched here. An entry of wav.scp becomes a pipe through one of our commands, which
`moeasr.audio.pipes` recognises, so that whoever reads the entry does the work in the same process.
"""

import math
import random
import shlex
from collections.abc import Callable
from pathlib import Path

from moeasr.audio.bounds import check_new_rate
from moeasr.audio.pipes import parse_pipe
from moeasr.audio.programs import Volume
from moeasr.datadir.raw_tables import Lines, key, read_lines, read_map, rest, show, write_lines
from moeasr.errors import InputError
from moeasr.fields import SPACES
from moeasr.kaldi.durations import write_utt2dur
from moeasr.kaldi.speak import Say, detail

NUM_LOOKED_AT = 100
"""Entries that are searched for an earlier perturbation, as in Kaldi."""


def piped_entry(entry: str, command: str) -> str:
    """The entry of wav.scp that yields the audio of another, changed.

    Args:
        entry: `path`, `command |` or `file.ark:offset`.
        command: An entry point that reads audio, with its arguments: `perturb_speed 0.9`.
    """
    entry = entry.strip(SPACES)
    if entry.endswith("|"):
        return f"{entry} python3 -m moeasr.bin.{command} - |"
    return f"python3 -m moeasr.bin.{command} {shlex.quote(entry)} |"


def pipe_wav_scp(path: Path, command_of: Callable[[bytes], str]) -> None:
    """Send every entry of a wav.scp through a command.

    Args:
        path: The table, which is replaced.
        command_of: Id -> command, as for `piped_entry`.

    Raises:
        InputError: A line names no audio; nothing is changed then.
    """
    lines: Lines = []
    for number, line in enumerate(read_lines(path), start=1):
        if not rest(line):
            raise InputError(f"{path}, line {number}: '{show(line)}' names no audio")
        entry = rest(line).decode("utf-8", "surrogateescape")
        changed = piped_entry(entry, command_of(key(line)))
        lines.append(key(line) + b" " + changed.encode("utf-8", "surrogateescape"))
    write_lines(path, lines)


def _retire(data: Path, name: str) -> bool:
    """Move a file that is no longer true to .backup; whether there was one."""
    if not (data / name).is_file():
        return False
    (data / ".backup").mkdir(exist_ok=True)
    (data / name).replace(data / ".backup" / name)
    return True


def resample_data_dir(data: Path, rate_hz: int, say: Say) -> None:
    """Let a data directory yield its audio at another sample rate.

    Args:
        data: The directory; utt2dur is added to it if missing, features move to its .backup.
        rate_hz: The new rate.
        say: Receives what is done.

    Raises:
        InputError: The rate is out of range, there is no wav.scp, or a line of it is malformed.
    """
    check_new_rate(rate_hz)
    if not (data / "wav.scp").is_file():
        raise InputError(f"no such file {data / 'wav.scp'}")
    if not (data / "utt2dur").is_file():  # it would be slow once the audio is a pipe
        write_utt2dur(data, say)
    pipe_wav_scp(data / "wav.scp", lambda recording: f"resample {rate_hz}")
    if _retire(data, "feats.scp"):
        _retire(data, "cmvn.scp")
        say(f"feats.scp already exists. Moving it to {data / '.backup'}")


def perturb_data_dir_volume(
    data: Path,
    say: Say,
    scale_low: float = 0.125,
    scale_high: float = 2.0,
    reco2vol: Path | None = None,
    write_reco2vol: Path | None = None,
) -> None:
    """Let a data directory yield each recording louder or softer, unless it does so already.

    Args:
        data: The directory; features move to its .backup.
        say: Receives what is done.
        scale_low: Smallest factor.
        scale_high: Largest factor; they are drawn evenly in between, always the same ones.
        reco2vol: `recording factor` lines to use instead.
        write_reco2vol: Where to write the factors in that form.

    Raises:
        InputError: There is no wav.scp, a line of it is malformed, a recording is not in
            `reco2vol`, or a factor is no number.
    """
    path = data / "wav.scp"
    if not path.is_file():
        raise InputError(f"Expected {path} to exist")
    lines = read_lines(path)
    if any(map(_is_volume_perturbed, lines[:NUM_LOOKED_AT])):
        say("It looks like the data was already volume perturbed.  Not doing anything.")
        return
    given = _read_volumes(reco2vol) if reco2vol else None
    generator = random.Random(0)
    volumes: dict[bytes, float] = {}
    for line in lines:
        volumes[key(line)] = generator.uniform(scale_low, scale_high)
        if given is not None:
            if key(line) not in given:
                raise InputError(f"Could not find volume for id {show(key(line))} in {reco2vol}")
            volumes[key(line)] = given[key(line)]
    pipe_wav_scp(path, lambda recording: f"perturb_volume {volumes[recording]!r}")
    if write_reco2vol:
        write_lines(write_reco2vol, [reco + f" {vol!r}".encode() for reco, vol in volumes.items()])
    if _retire(data, "feats.scp"):
        say(
            f"{data / 'feats.scp'} exists; moving it to {data / '.backup'}/ as it wouldn't be "
            "valid any more."
        )
    detail(say, f"added volume perturbation to the data in {data}")


def _is_volume_perturbed(line: bytes) -> bool:
    entry = rest(line).decode("utf-8", "surrogateescape")
    if not entry.endswith("|"):
        return False
    return any(isinstance(effect, Volume) for effect in parse_pipe(entry).effects)


def _read_volumes(path: Path) -> dict[bytes, float]:
    volumes = {}
    for recording, volume in read_map(path).items():
        try:
            volumes[recording] = float(volume)
            if not math.isfinite(volumes[recording]):
                raise ValueError(volume)
        except ValueError:
            raise InputError(
                f"{path}: volume '{show(volume)}' of {show(recording)} is not a number"
            ) from None
    return volumes
