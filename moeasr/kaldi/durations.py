"""Lengths of every utterance and recording, without a Kaldi binary: get_utt2dur.sh and its kin."""

import math
from collections.abc import Iterable
from pathlib import Path

from moeasr.audio.command_notice import command_notice
from moeasr.audio.probe import probe_audio
from moeasr.audio.threads import in_threads
from moeasr.datadir.raw_tables import Lines, key, read_lines, read_map, rest, show, write_lines
from moeasr.datadir.segment_rule import parse_segment
from moeasr.errors import InputError, naming
from moeasr.kaldi.speak import Say, detail

WINDOW_FRAMES = 1.5
"""What the last window adds to the frame shifts: (25 ms - 10 ms) / 10 ms."""
MAX_FAULTS = 5
"""Recordings without a duration that are named."""


def seconds(value: float) -> bytes:
    """A duration as Kaldi's scripts print it, six digits."""
    return f"{value:.6g}".encode()


def read_durations(path: Path) -> dict[bytes, float]:
    """Read a table of seconds.

    Raises:
        InputError: It is missing, or a line is not `id seconds`.
    """
    try:
        return {name: _number(value) for name, value in read_map(path).items()}
    except ValueError:
        raise InputError(f"{path}: holds a duration that is no number of seconds") from None


def _number(text: bytes) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value


def _from_segments(path: Path) -> Lines:
    lines = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            utt, *fields = line.split()
            segment = parse_segment(fields)
        except ValueError:
            raise InputError(f"{path}, line {number}: bad segment '{show(line)}'") from None
        if segment.end_sec < 0:
            raise InputError(
                f"{path}, line {number}: segment '{show(line)}' ends with its recording, so that "
                "its length is not known; write where it ends"
            )
        lines.append(utt + b" " + seconds(segment.end_sec - segment.start_sec))
    return lines


def _from_frames(data: Path, frame_shift_sec: float) -> Lines:
    try:
        if (data / "frame_shift").is_file():
            frame_shift_sec = float((data / "frame_shift").read_text())
        frames = read_map(data / "utt2num_frames")
        return [
            utt + b" " + seconds((_number(count) + WINDOW_FRAMES) * frame_shift_sec)
            for utt, count in frames.items()
        ]
    except ValueError:
        raise InputError(f"frame_shift or utt2num_frames of {data} holds no number") from None


def _from_audio(path: Path, num_threads: int, read_all: bool, say: Say) -> Lines:
    """Durations of the entries of a wav.scp; those that cannot be read are named and left out."""

    def measure(line: bytes) -> float | str:
        entry = rest(line).decode("utf-8", "surrogateescape")
        try:
            with naming("its audio"):
                return probe_audio(entry, read_all).duration_sec
        except InputError as error:
            return str(error)

    def named(line: bytes) -> tuple[str, str]:
        return show(key(line)), rest(line).decode("utf-8", "surrogateescape")

    entries = read_lines(path)
    notice = command_notice(path, map(named, entries))
    if notice:
        say(notice)
    lines, faults = [], []
    for line, duration in zip(entries, in_threads(measure, entries, num_threads)):
        if isinstance(duration, str):
            faults.append(f"warning: no duration for {show(key(line))}: {duration}")
        else:
            lines.append(key(line) + b" " + seconds(duration))
    for fault in faults[:MAX_FAULTS]:
        say(fault)
    if len(faults) > MAX_FAULTS:
        say(f"warning: no duration for {len(faults) - MAX_FAULTS} other recordings")
    return lines


def has_as_many_lines(path: Path, other: Path) -> bool:
    """Whether a file exists, is not empty and has as many lines as another."""
    if not path.is_file() or not path.stat().st_size:
        return False
    return len(read_lines(path)) == len(read_lines(other))


def _write(path: Path, lines: Lines, expected: Iterable[bytes], say: Say) -> None:
    """Write durations if at least half of what is expected is there."""
    num_expected = len(list(expected))
    if len(lines) != num_expected:
        say(f"warning: {path} has not as many lines as it should: {len(lines)} != {num_expected}")
        if num_expected > 2 * len(lines):
            raise InputError(f"less than half of {path.name} could be found: failing. ({path})")
    write_lines(path, lines)
    detail(say, f"computed {path}")


def write_utt2dur(
    data: Path,
    say: Say,
    num_threads: int = 4,
    read_all: bool = False,
    frame_shift_sec: float = 0.01,
) -> None:
    """Write `utt2dur` of a data directory, unless it is there with the expected length.

    From segments, else frame_shift and utt2num_frames, else the headers of the audio, else
    utt2num_frames alone.

    Args:
        data: The directory.
        say: Receives what is done.
        num_threads: Files opened at the same time.
        read_all: Count the samples of the audio instead of trusting its headers.
        frame_shift_sec: For utt2num_frames where there is no `frame_shift`.

    Raises:
        InputError: There is nothing to tell durations from, or it fails for more than half.
    """
    target = data / "utt2dur"
    utts = read_lines(data / "utt2spk")
    if has_as_many_lines(target, data / "utt2spk"):
        detail(say, f"{target} already exists with the expected length.  We won't recompute it.")
        return
    if (data / "segments").is_file():
        detail(say, f"working out {target} from {data / 'segments'}")
        lines = _from_segments(data / "segments")
    elif (data / "frame_shift").is_file() and (data / "utt2num_frames").is_file():
        detail(say, f"computing {target} from {data}/{{frame_shift,utt2num_frames}}.")
        lines = _from_frames(data, frame_shift_sec)
    elif (data / "wav.scp").is_file():
        detail(say, "segments file does not exist so getting durations from wave files")
        lines = _from_audio(data / "wav.scp", num_threads, read_all, say)
    elif (data / "utt2num_frames").is_file():
        detail(say, "wave file does not exist so getting durations from utt2num_frames")
        lines = _from_frames(data, frame_shift_sec)
    else:
        raise InputError(
            f"Expected {data}/wav.scp, {data}/segments or {data}/utt2num_frames to exist"
        )
    _write(target, lines, utts, say)


def write_reco2dur(data: Path, say: Say, num_threads: int = 4, read_all: bool = False) -> None:
    """Write `reco2dur` of a data directory, unless it is there with the expected length.

    From utt2dur where utterances are recordings, else from the headers of the audio.

    Args:
        data: The directory.
        say: Receives what is done.
        num_threads: Files opened at the same time.
        read_all: Count the samples of the audio instead of trusting its headers.

    Raises:
        InputError: There is no wav.scp, or more than half of it cannot be read.
    """
    target = data / "reco2dur"
    recordings = read_lines(data / "wav.scp")
    if has_as_many_lines(target, data / "wav.scp"):
        detail(say, f"{target} already exists with the expected length.  We won't recompute it.")
        return
    if not (data / "segments").is_file() and has_as_many_lines(data / "utt2dur", data / "utt2spk"):
        detail(say, f"{data / 'wav.scp'} indexed by utt-id; copying utt2dur to reco2dur")
        write_lines(target, read_lines(data / "utt2dur"))
        return
    detail(say, "obtaining durations from recordings")
    _write(target, _from_audio(data / "wav.scp", num_threads, read_all, say), recordings, say)


def write_utt2num_frames(
    data: Path,
    say: Say,
    num_threads: int = 4,
    frame_shift_sec: float = 0.01,
    frame_overlap_sec: float = 0.015,
) -> None:
    """Write `utt2num_frames` of a data directory, unless it is there.

    From the headers of the features, else from utt2dur, which is added if missing.

    Args:
        data: The directory.
        say: Receives what is done.
        num_threads: As in `write_utt2dur`.
        frame_shift_sec: Between frames; used without features.
        frame_overlap_sec: What the last window reaches beyond its shift; used without features.

    Raises:
        InputError: An archive cannot be read, or as `write_utt2dur`.
    """
    target = data / "utt2num_frames"
    if target.is_file() and target.stat().st_size:
        detail(say, f"{target} already present!")
        return
    if (data / "feats.scp").is_file():
        from moeasr.datadir.table import Table
        from moeasr.features.archive import FeatureReader  # with torch, which the rest does without

        reader = FeatureReader()
        feats = Table(data / "feats.scp").items()
        lines = [f"{utt} {reader.shape(entry, utt)[0]}".encode() for utt, entry in feats]
    else:
        write_utt2dur(data, say, num_threads)
        lines = [
            utt + b" %d" % int((duration_sec - frame_overlap_sec) / frame_shift_sec)
            for utt, duration_sec in read_durations(data / "utt2dur").items()
        ]
    write_lines(target, lines)
    detail(say, f"Computed and wrote {target}")


def whole_segments(data: Path, say: Say) -> Lines:
    """Lines of segments in which every utterance is its whole recording, by utt2dur.

    Raises:
        InputError: As `write_utt2dur`, if there is no utt2dur yet.
    """
    if not (data / "utt2dur").is_file():
        write_utt2dur(data, say)
    return [
        b" ".join([key(line), key(line), b"0", rest(line)]) for line in read_lines(data / "utt2dur")
    ]
