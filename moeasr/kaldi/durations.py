"""The lengths of utterances and recordings (get_utt2dur.sh, get_reco2dur.sh, ...)."""

import math
from collections.abc import Iterable
from pathlib import Path

from moeasr.audio.command_notice import command_notice
from moeasr.audio.probe import probe_audio
from moeasr.audio.threads import in_threads
from moeasr.datadir.raw_tables import (
    SETTINGS,
    Lines,
    key,
    read_lines,
    read_map,
    rest,
    show,
    write_lines,
)
from moeasr.datadir.segment_rule import parse_segment
from moeasr.errors import InputError, naming
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames
from moeasr.kaldi.speak import Say, detail
from moeasr.plurals import counted

WINDOW_FRAMES = 1.5
"""Difference between the length of an utterance and the sum of its frame shifts, in frames, for the
default features of Kaldi: (25 ms - 10 ms) / 10 ms."""
MAX_FAULTS = 5
"""Maximum number of recordings without a duration that messages name."""


def seconds(value: float) -> bytes:
    """Format a duration as Kaldi's scripts do, with six significant digits."""
    return f"{value:.6g}".encode()


def read_durations(path: Path) -> dict[bytes, float]:
    """Read a table of durations in seconds.

    Raises:
        InputError: The table is missing, or a line is not `id seconds`.
    """
    try:
        return {name: _number(value) for name, value in read_map(path).items()}
    except ValueError:
        raise InputError(f"{path}: a duration is not a number of seconds") from None


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
                f"{path}, line {number}: the length of segment '{show(line)}' is unknown, because "
                "it ends with its recording; replace -1 by its end in seconds"
            )
        lines.append(utt + b" " + seconds(segment.end_sec - segment.start_sec))
    return lines


def _read_settings(data: Path) -> FbankConfig | None:
    path = data / SETTINGS
    if not path.is_file():
        return None
    from moeasr.features.fbank_file import load_fbank_config  # imported here: reading YAML is slow

    return load_fbank_config(path)


def _window_frames(settings: FbankConfig | None) -> float:
    """Return the length of an utterance minus the sum of its frame shifts, in frames."""
    if settings is None:
        return WINDOW_FRAMES
    if not settings.snip_edges:  # windows extend beyond both ends of the signal
        return 0.0
    return settings.frame_length_ms / settings.frame_shift_ms - 1


def _from_frames(data: Path, frame_shift_sec: float) -> Lines:
    window_frames = _window_frames(_read_settings(data))
    try:
        if (data / "frame_shift").is_file():
            frame_shift_sec = float((data / "frame_shift").read_text())
        frames = read_map(data / "utt2num_frames")
        return [
            utt + b" " + seconds((_number(count) + window_frames) * frame_shift_sec)
            for utt, count in frames.items()
        ]
    except ValueError:
        raise InputError(f"frame_shift or utt2num_frames of {data} is not a number") from None


def _from_audio(path: Path, num_threads: int, read_all: bool, say: Say) -> Lines:
    """Measure the entries of a wav.scp; warn about entries that cannot be read, and omit them."""

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
        others = counted(len(faults) - MAX_FAULTS, "other recording")
        say(f"warning: no duration for {others}")
    return lines


def has_as_many_lines(path: Path, other: Path) -> bool:
    """Return whether a file exists, is not empty, and has as many lines as another file."""
    if not path.is_file() or not path.stat().st_size:
        return False
    return len(read_lines(path)) == len(read_lines(other))


def _write(path: Path, lines: Lines, expected: Iterable[bytes], say: Say) -> None:
    """Write durations, unless more than half of the expected ones are missing."""
    num_expected = len(list(expected))
    if len(lines) != num_expected:
        say(f"warning: {path} has {counted(len(lines), 'line')} instead of {num_expected}")
        if num_expected > 2 * len(lines):
            raise InputError(f"{path}: less than half of the durations could be measured")
    write_lines(path, lines)
    detail(say, f"computed {path}")


def write_utt2dur(
    data: Path,
    say: Say,
    num_threads: int = 4,
    read_all: bool = False,
    frame_shift_sec: float = 0.01,
) -> None:
    """Write `utt2dur` of a data directory, unless it exists with the expected length.

    The durations are taken from the first of these sources that exists: segments, frame_shift with
    utt2num_frames, the headers of the audio, and utt2num_frames alone.

    Args:
        data: The data directory.
        say: Function that receives messages about the progress.
        num_threads: Number of files opened at the same time.
        read_all: True to count the samples of the audio instead of trusting its headers.
        frame_shift_sec: Frame shift for utt2num_frames if the directory has no `frame_shift`.

    Raises:
        InputError: The directory has no source of durations, or more than half cannot be read.
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
    """Write `reco2dur` of a data directory, unless it exists with the expected length.

    The durations are taken from utt2dur if utterances are recordings, and otherwise from the
    headers of the audio.

    Args:
        data: The data directory.
        say: Function that receives messages about the progress.
        num_threads: Number of files opened at the same time.
        read_all: True to count the samples of the audio instead of trusting its headers.

    Raises:
        InputError: There is no wav.scp, or more than half of its entries cannot be read.
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
    """Write `utt2num_frames` of a data directory, unless it exists.

    The lengths are taken from the headers of the features, or else computed from utt2dur, which is
    written if it is missing.

    Args:
        data: The data directory.
        say: Function that receives messages about the progress.
        num_threads: As in `write_utt2dur`.
        frame_shift_sec: Frame shift; used if there are neither features nor `SETTINGS`.
        frame_overlap_sec: Length of a window minus the frame shift; used whenever `frame_shift_sec`
            is.

    Raises:
        InputError: An archive cannot be read, the frame shift is not above 0, or `write_utt2dur`
            fails.
    """
    if not 0 < frame_shift_sec < float("inf"):
        raise InputError(f"--frame-shift must be above 0, but is {frame_shift_sec:g}")
    target = data / "utt2num_frames"
    if target.is_file() and target.stat().st_size:
        detail(say, f"{target} already present!")
        return
    if (data / "feats.scp").is_file():
        from moeasr.datadir.table import Table
        from moeasr.features.archive import FeatureReader  # imports torch, not needed elsewhere

        reader = FeatureReader()
        feats = Table(data / "feats.scp").items()
        lines = [f"{utt} {reader.shape(entry, utt)[0]}".encode() for utt, entry in feats]
    else:
        write_utt2dur(data, say, num_threads)
        settings = _read_settings(data)

        def count(duration_sec: float) -> int:
            if settings is None:
                return int((duration_sec - frame_overlap_sec) / frame_shift_sec)
            return num_fbank_frames(round(duration_sec * settings.sample_rate_hz), settings)

        durations = read_durations(data / "utt2dur").items()
        lines = [utt + b" %d" % count(duration_sec) for utt, duration_sec in durations]
    write_lines(target, lines)
    detail(say, f"Computed and wrote {target}")


def whole_segments(data: Path, say: Say) -> Lines:
    """Return lines of segments in which every utterance is a whole recording, using utt2dur.

    Raises:
        InputError: utt2dur is missing, and `write_utt2dur` fails.
    """
    if not (data / "utt2dur").is_file():
        write_utt2dur(data, say)
    return [
        b" ".join([key(line), key(line), b"0", rest(line)]) for line in read_lines(data / "utt2dur")
    ]
