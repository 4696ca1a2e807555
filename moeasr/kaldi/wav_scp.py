"""Changes of a data directory's audio (resample_data_dir.sh, perturb_data_dir_volume.sh).

Only wav.scp changes, and audio is changed when it is read. An entry becomes a pipe through one of
moeasr's commands. `moeasr.audio.pipes` recognizes them, so that a reader of the entry applies the
change in its own process.
"""

import math
import random
from collections.abc import Callable
from pathlib import Path

from moeasr.audio.bounds import check_new_rate
from moeasr.audio.pipes import parse_pipe, piped_entry
from moeasr.audio.programs import Volume
from moeasr.datadir.raw_tables import Lines, key, read_lines, read_map, rest, show, write_lines
from moeasr.errors import InputError
from moeasr.kaldi.durations import write_utt2dur
from moeasr.kaldi.speak import Say, detail

NUM_LOOKED_AT = 100
"""Number of entries that are searched for an earlier perturbation, as in Kaldi."""


def pipe_wav_scp(path: Path, command_of: Callable[[bytes], str]) -> None:
    """Pass every entry of a wav.scp through a command.

    Args:
        path: The table, which is replaced.
        command_of: Function from an id to the command, as in `piped_entry`.

    Raises:
        InputError: A line has no entry. The table is not changed in this case.
    """
    lines: Lines = []
    for number, line in enumerate(read_lines(path), start=1):
        if not rest(line):
            raise InputError(f"{path}, line {number}: '{show(line)}' names no audio")
        entry = rest(line).decode("utf-8", "surrogateescape")
        changed = piped_entry(entry, command_of(key(line)))
        lines.append(key(line) + b" " + changed.encode("utf-8", "surrogateescape"))
    write_lines(path, lines)


def _retire(data: Path, name: str, say: Say) -> bool:
    """Move a file that does not match new audio to .backup, and return whether it existed."""
    if not (data / name).is_file():
        return False
    (data / ".backup").mkdir(exist_ok=True)
    (data / name).replace(data / ".backup" / name)
    say(f"moving {data / name} to {data / '.backup'}, because it does not match the new audio")
    return True


def resample_data_dir(data: Path, rate_hz: int, say: Say) -> None:
    """Change the sample rate of a data directory's audio.

    Args:
        data: The data directory. utt2dur is written to it if it is missing, and features and shards
            are moved to its .backup.
        rate_hz: The new sample rate, Hz.
        say: Function that receives messages about the progress.

    Raises:
        InputError: The rate is out of range, there is no wav.scp, or a line of it is malformed.
    """
    check_new_rate(rate_hz)
    if not (data / "wav.scp").is_file():
        raise InputError(f"no such file {data / 'wav.scp'}")
    if not (data / "utt2dur").is_file():  # measuring would be slow after the audio is a pipe
        write_utt2dur(data, say)
    pipe_wav_scp(data / "wav.scp", lambda recording: f"resample {rate_hz}")
    _retire(data, "shards.scp", say)
    if _retire(data, "feats.scp", say):
        _retire(data, "cmvn.scp", say)


def perturb_data_dir_volume(
    data: Path,
    say: Say,
    scale_low: float = 0.125,
    scale_high: float = 2.0,
    reco2vol: Path | None = None,
    write_reco2vol: Path | None = None,
) -> None:
    """Change the volume of each recording of a data directory, unless this was done before.

    Args:
        data: The data directory; features and shards are moved to its .backup.
        say: Function that receives messages about the progress.
        scale_low: Smallest factor.
        scale_high: Largest factor. Factors are drawn uniformly from the range, with a fixed seed.
        reco2vol: File with `recording factor` lines to use instead of random factors.
        write_reco2vol: File to which the factors are written in the same format.

    Raises:
        InputError: There is no wav.scp, a line of it is malformed, a recording is not in
            `reco2vol`, or a factor is not a number.
    """
    if not 0 < scale_low <= scale_high < float("inf"):
        raise InputError(
            "--scale-low must be above 0 and at most --scale-high, but they are "
            f"{scale_low:g} and {scale_high:g}"
        )
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
    for name in ("feats.scp", "shards.scp"):
        _retire(data, name, say)
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
