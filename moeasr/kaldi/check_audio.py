"""A check of the audio of a data directory, which reports utterances that training cannot use."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from moeasr.audio.command_notice import command_notice
from moeasr.audio.duration import measure_audio, segment_length
from moeasr.audio.probe import AudioInfo, overshoot_warning
from moeasr.audio.threads import in_threads
from moeasr.datadir.left_out import write_left_out
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_recordings
from moeasr.errors import InputError, naming
from moeasr.logs import progress
from moeasr.plurals import counted

TextUnits = Literal["char", "bpe", "word"]
"""Units of CTC that are assumed: characters, or words, which need fewer frames. BPE pieces are
counted as words, the smallest possible number of pieces."""
FRAME_SHIFT_SEC = 0.01
SUBSAMPLING = 4
"""Number of feature frames per CTC frame."""
NUM_THREADS = 8
MAX_TIGHT_SHARE = 0.1
"""Largest accepted share of utterances that are too short for their text under CTC. Large corpora
contain some very fast speech. A larger share indicates that text and audio do not match."""
MAX_LISTED = 20
TOO_SHORT = "too_short.txt"
"""Name of the file in a data directory that lists utterances too short for their text."""
BAD_AUDIO = "bad_audio.txt"
"""Name of the file in a data directory that lists utterances with unusable audio."""


class AudioFaults(NamedTuple):
    """Utterances that training cannot use, and the reasons."""

    bad: dict[str, str]
    """Utterances with unusable audio -> reason."""
    tight: dict[str, str]
    """Utterances with too few frames for the CTC loss of their text -> reason. Training leaves them
    out."""
    num_overshooting: int = 0
    """Number of recordings whose headers announce more samples than there are."""
    audio_sec: float = 0.0
    """Duration of the utterances with usable audio."""
    sample_rate_hz: int | None = None
    """Sample rate that all audio must have; None if nothing could be read."""


def min_ctc_frames(units: Sequence[str]) -> int:
    """Return the number of frames CTC needs for units, with a blank between equal neighbours."""
    return len(units) + sum(left == right for left, right in zip(units, units[1:]))


def _measured(entry: str) -> AudioInfo | str:
    """Return the sample rate and length of audio, or a message about its fault."""
    try:
        with naming("its audio"):
            return measure_audio(entry)
    except InputError as error:
        return str(error)


def _text_fault(text: str, units: TextUnits, num_frames: int) -> str | None:
    needed = min_ctc_frames(text if units == "char" else text.split())
    given = num_frames // SUBSAMPLING
    if needed > given == 0:
        return "its audio is too short for any text"
    if needed > given:
        frames = counted(needed, "frame")
        return f"CTC needs {frames} for its text, but its audio gives only {given}"
    return None


def audio_faults(
    data: Path, sample_rate_hz: int | None = None, text_units: TextUnits = "char"
) -> AudioFaults:
    """Find utterances with missing or damaged audio, another sample rate, or too much text.

    Args:
        data: A data directory that is otherwise valid.
        sample_rate_hz: The sample rate that all audio must have. None is the rate of most
            recordings.
        text_units: The units of CTC.
    """

    def opened(name: str) -> Table | None:
        return Table(data / name) if (data / name).is_file() else None

    utterances = open_recordings(data)
    measured = in_threads(_measured, utterances.entries.values(), NUM_THREADS)
    work = f"checking the audio of {data}"
    infos = list(progress(measured, work, len(utterances.entries), "recordings"))
    good = [info for info in infos if isinstance(info, AudioInfo)]
    if sample_rate_hz is None and good:
        rates = Counter(info.sample_rate_hz for info in good)
        sample_rate_hz = rates.most_common(1)[0][0]
    texts, num_frames = opened("text"), opened("utt2num_frames")
    frames = [] if num_frames is None else num_frames.numbers()
    faults = AudioFaults({}, {}, sum(info.header_overshoots for info in good))
    audio_sec = 0.0
    utt_ids = Table(data / "utt2spk").keys
    indices = utterances.indices_of(utt_ids).tolist()
    columns = (_rows(texts, utt_ids), _rows(num_frames, utt_ids))
    for key, index, text_row, frames_row in zip(utt_ids, indices, *columns):
        utt = key.decode()
        if index < 0:
            faults.bad[utt] = "it has no audio in wav.scp"
            continue
        recording = index if utterances.recordings is None else int(utterances.recordings[index])
        info = infos[recording]
        if not isinstance(info, AudioInfo):
            faults.bad[utt] = info
            continue
        try:
            num_samples, rate_hz = segment_length(info, utterances[index])
        except InputError as error:
            faults.bad[utt] = str(error)
            continue
        duration_sec = num_samples / rate_hz
        audio_sec += duration_sec
        if rate_hz != sample_rate_hz:
            faults.bad[utt] = f"its sample rate is {rate_hz} Hz, not {sample_rate_hz} Hz"
        elif text_row >= 0:
            count = round(duration_sec / FRAME_SHIFT_SEC)
            count = int(frames[frames_row]) if frames_row >= 0 else count
            fault = _text_fault(texts[text_row][1], text_units, count)
            if fault is not None:
                faults.tight[utt] = fault
    return faults._replace(audio_sec=audio_sec, sample_rate_hz=sample_rate_hz)


def _rows(table: Table | None, utt_ids: np.ndarray) -> list[int]:
    """Return the row of each utterance in a table; -1 for an utterance without a row."""
    return [-1] * len(utt_ids) if table is None else table.rows_of(utt_ids).tolist()


def check_audio(
    path: Path,
    say: Callable[[str], None],
    sample_rate_hz: int | None = None,
    text_units: TextUnits = "char",
) -> AudioFaults:
    """Check the audio of a data directory.

    Args:
        path: The data directory.
        say: Function that receives a warning about utterances that training will leave out, if they
            are few.
        sample_rate_hz: The sample rate that all audio must have. None is the rate of most
            recordings.
        text_units: The units of CTC.

    Returns:
        The measured duration and sample rate, and utterances that training will leave out.

    Raises:
        InputError: Audio is unusable, or too short for many texts. The message lists the
            utterances.
    """
    if not (path / "wav.scp").is_file():
        raise InputError(f"no such file {path / 'wav.scp'} (--check-audio needs it)")
    notice = command_notice(path / "wav.scp", Table(path / "wav.scp").items())
    if notice:
        say(notice)
    faults = audio_faults(path, sample_rate_hz, text_units)
    write_left_out(path / TOO_SHORT, faults.tight)
    write_left_out(path / BAD_AUDIO, faults.bad if len(faults.bad) > MAX_LISTED else {})
    num_utts = len(Table(path / "utt2spk"))
    if faults.num_overshooting:
        say(overshoot_warning(faults.num_overshooting, "recording"))
    if faults.bad:
        raise InputError(
            f"{len(faults.bad)} of {num_utts} utterances have bad audio:\n"
            f"{_listed(faults.bad, path / BAD_AUDIO)}"
        )
    tight = f"{len(faults.tight)} of {num_utts} utterances are too short for their text under CTC"
    if len(faults.tight) > MAX_TIGHT_SHARE * num_utts:
        raise InputError(
            f"{tight}; check that text and audio match, or train with BPE pieces or words, which "
            "need fewer frames than characters:\n"
            f"{_listed(faults.tight, path / TOO_SHORT)}"
        )
    if faults.tight:
        say(f"WARNING: {tight}; training leaves them out; {path / TOO_SHORT} lists them")
    return faults


def _listed(faults: dict[str, str], path: Path) -> str:
    """Return the first faults, one per line, and the file that lists all if there are more."""
    lines = [f"utterance {utt}: {fault}" for utt, fault in faults.items()]
    if len(lines) <= MAX_LISTED:
        return "\n".join(lines)
    return "\n".join([*lines[:MAX_LISTED], f"... {path} lists all {len(lines)}"])
