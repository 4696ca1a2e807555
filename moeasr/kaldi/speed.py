"""Speed perturbation of a data directory (perturb_data_dir_speed.sh).

Only the tables change. The audio is changed when it is read; see `moeasr.kaldi.wav_scp`.
"""

from pathlib import Path

from moeasr.audio.bounds import check_speed
from moeasr.datadir.raw_tables import Lines, label_tables, read_lines, show, write_lines
from moeasr.datadir.segment_rule import RULE, parse_segment
from moeasr.errors import InputError
from moeasr.kaldi.derive import move_stale, require_source, write_renamed, write_utt2uniq
from moeasr.kaldi.durations import (
    has_as_many_lines,
    read_durations,
    seconds,
    write_reco2dur,
    write_utt2dur,
)
from moeasr.kaldi.speak import Say, detail
from moeasr.kaldi.wav_scp import pipe_wav_scp

MIN_SEGMENT_SEC = 0.01
RENAMED = (
    "segments",
    "wav.scp",
    "reco2file_and_channel",
    "text",
    "spk2gender",
    "utt2lang",
    "utt2dur",
    "reco2dur",
)
"""Tables that are kept when the speed changes. Features, for example, become invalid."""


def _perturb_segments(lines: Lines, factor: float, path: Path) -> Lines:
    """Divide the times of segments by the speed, and remove segments that become too short."""
    perturbed = []
    for line in lines:
        try:
            utt, *fields = line.split()
            recording, start_sec, end_sec = parse_segment(fields)
        except ValueError:
            raise InputError(f"{path}: malformed line '{show(line)}': {RULE}") from None
        head = utt + b" " + recording + f" {start_sec / factor:.2f} ".encode()
        if end_sec < 0:  # -1 is the end of the recording at any speed
            perturbed.append(head + b"-1")
        elif end_sec / factor > start_sec / factor + MIN_SEGMENT_SEC:
            perturbed.append(head + f"{end_sec / factor:.2f}".encode())
    return perturbed


def perturb_data_dir_speed(
    source: Path, target: Path, factor: str, include_spk_prefix: bool, say: Say
) -> None:
    """Write a data directory with the audio of another directory at a different speed.

    Args:
        source: A data directory; utt2dur and reco2dur are written to it if they are missing.
        target: The new directory.
        factor: Speed factor F, a positive number, as the user wrote it: it becomes part of the ids.
        include_spk_prefix: True to rename utterances, speakers and recordings to `spF-<id>`. False
            to rename utterances and recordings to `<id>-spF` and keep the names of the speakers.
        say: Function that receives messages about the progress.

    Raises:
        InputError: The factor is not a number or is out of range, or the source is incomplete.
    """
    try:
        speed = float(factor)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise InputError(f"the speed factor must be a positive number, but is '{factor}'")
    check_speed(speed)
    require_source(source, target)
    if not (source / "wav.scp").is_file():
        raise InputError(f"no such file {source / 'wav.scp'}")
    # Measure the durations of the source, because measuring the pipes of the target would be slow.
    if not has_as_many_lines(source / "utt2dur", source / "utt2spk"):
        write_utt2dur(source, say)
    if not has_as_many_lines(source / "reco2dur", source / "wav.scp"):
        write_reco2dur(source, say)
    label = b"sp" + factor.encode()
    prefix, suffix = (label + b"-", b"") if include_spk_prefix else (b"", b"-" + label)

    def new_id(name: bytes) -> bytes:
        return prefix + name + suffix

    names = (*RENAMED, *label_tables(source))
    written = write_renamed(source, target, names, new_id, lambda speaker: prefix + speaker, new_id)
    write_utt2uniq(source, target, new_id)
    _perturb_tables(target, factor, speed)
    detail(say, f"generated speed-perturbed version of data in {source}, in {target}")
    move_stale(source, target, [*written, "utt2uniq"], say)


def _perturb_tables(target: Path, factor: str, speed: float) -> None:
    """Adapt the copied tables that contain audio or times."""
    pipe_wav_scp(target / "wav.scp", lambda recording: f"perturb_speed {factor}")
    for name in ("utt2dur", "reco2dur"):
        path = target / name
        durations = read_durations(path).items()
        write_lines(path, [name + b" " + seconds(value / speed) for name, value in durations])
    path = target / "segments"
    if path.is_file():
        write_lines(path, _perturb_segments(read_lines(path), speed, path))
