"""Open the audio of a data directory and name every utterance that training could not use."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from moeasr.audio.command_notice import command_notice
from moeasr.audio.probe import AudioInfo, overshoot_warning
from moeasr.audio.threads import in_threads
from moeasr.datadir.directory import MAX_OVERSHOOT_SEC, DataDir, Segment
from moeasr.errors import InputError, naming

TextUnits = Literal["char", "bpe", "word"]
"""What CTC writes: characters, or whole words, which need fewer frames. Pieces are at least
one for each word."""
FRAME_SHIFT_SEC = 0.01
SUBSAMPLING = 4
"""Frames of features per frame of CTC."""
NUM_THREADS = 8
MAX_TIGHT_SHARE = 0.1
"""Every larger corpus has some that are said faster than CTC can write. Of more than these, text
and audio are hardly of the same utterances."""
MAX_LISTED = 20


class AudioFaults(NamedTuple):
    """Utterances that training could not use, and why."""

    bad: dict[str, str]
    """By their audio."""
    tight: dict[str, str]
    """With good audio, too short for the text under CTC: training leaves them out."""
    num_overshooting: int = 0
    """Recordings whose headers promise more samples than they hold."""


def min_ctc_frames(units: Sequence[str]) -> int:
    """Frames that CTC needs for some units: a blank parts every two equal neighbours."""
    return len(units) + sum(left == right for left, right in zip(units, units[1:]))


def _measured(entry: str) -> AudioInfo | str:
    """The audio's properties, or what is wrong with it."""
    from moeasr.audio.duration import measure_audio  # with numpy, which other checks do without

    try:
        with naming("its audio"):
            return measure_audio(entry)
    except InputError as error:
        return str(error)


def _segment_fault(segment: Segment, duration_sec: float) -> str | None:
    if segment.start_sec >= duration_sec or segment.end_sec > duration_sec + MAX_OVERSHOOT_SEC:
        return (
            f"its segment {segment.start_sec:g}..{segment.end_sec:g} s exceeds recording "
            f"{segment.recording} of {duration_sec:.2f} s"
        )
    return None


def _text_fault(text: str, units: TextUnits, num_frames: int) -> str | None:
    needed = min_ctc_frames(text if units == "char" else text.split())
    given = num_frames // SUBSAMPLING
    if needed > given:
        return f"its text needs {needed} frames under CTC, but its audio gives {given}"
    return None


def audio_faults(
    data: DataDir, sample_rate_hz: int | None = None, text_units: TextUnits = "char"
) -> AudioFaults:
    """Find utterances with missing, empty, truncated or differing audio, or too much text.

    Args:
        data: A data directory that is valid otherwise.
        sample_rate_hz: The rate that all audio must have; that of most recordings by default.
        text_units: What the texts are written in under CTC.
    """
    recordings, segments = data.wav, data.segments
    infos = dict(zip(recordings, in_threads(_measured, recordings.values(), NUM_THREADS)))
    rates = Counter(info.sample_rate_hz for info in infos.values() if isinstance(info, AudioInfo))
    if sample_rate_hz is None and rates:
        sample_rate_hz = rates.most_common(1)[0][0]
    num_frames = data.num_frames if data.has("utt2num_frames") else {}
    texts = data.text if data.has("text") else {}
    num_overshooting = sum(
        info.header_overshoots for info in infos.values() if isinstance(info, AudioInfo)
    )
    faults = AudioFaults({}, {}, num_overshooting)
    for utt in data.utt2spk:
        segment = segments.get(utt)
        info = infos.get(segment.recording if segment else utt)
        if not isinstance(info, AudioInfo):
            faults.bad[utt] = info or "it has no audio in wav.scp"
            continue
        duration_sec = segment.end_sec - segment.start_sec if segment else info.duration_sec
        fault = _segment_fault(segment, info.duration_sec) if segment else None
        if fault is None and info.sample_rate_hz != sample_rate_hz:
            fault = f"its rate is {info.sample_rate_hz} Hz, not {sample_rate_hz} Hz"
        if fault is not None:
            faults.bad[utt] = fault
        elif utt in texts:
            frames = num_frames.get(utt, round(duration_sec / FRAME_SHIFT_SEC))
            fault = _text_fault(texts[utt], text_units, frames)
            if fault is not None:
                faults.tight[utt] = fault
    return faults


def check_audio(
    path: Path,
    say: Callable[[str], None],
    sample_rate_hz: int | None = None,
    text_units: TextUnits = "char",
) -> int:
    """Check the audio of a data directory.

    Args:
        path: The directory.
        say: Told of utterances that training will leave out, if they are few.
        sample_rate_hz: The rate that all audio must have; that of most recordings by default.
        text_units: What the texts are written in under CTC.

    Returns:
        The number of utterances, all of them good.

    Raises:
        InputError: Audio is not good, or too short for many texts; names each utterance.
    """
    data = DataDir(path)
    if not data.has("wav.scp"):
        raise InputError(f"no such file {path / 'wav.scp'} (--check-audio needs it)")
    notice = command_notice(path / "wav.scp", data.wav.items())
    if notice:
        say(notice)
    faults = audio_faults(data, sample_rate_hz, text_units)
    num_utts = len(data.utt2spk)
    if faults.num_overshooting:
        say(overshoot_warning(faults.num_overshooting, "recordings"))
    if faults.bad:
        raise InputError(
            f"{len(faults.bad)} of {num_utts} utterances have bad audio:\n{_listed(faults.bad)}"
        )
    tight = f"{len(faults.tight)} of {num_utts} utterances are too short for their text under CTC"
    if len(faults.tight) > MAX_TIGHT_SHARE * num_utts:
        raise InputError(
            f"{tight} (is the text theirs? pieces or words want fewer frames than characters):\n"
            f"{_listed(faults.tight)}"
        )
    if faults.tight:
        some = dict(list(faults.tight.items())[:MAX_LISTED])
        more = f"\n... and {len(faults.tight) - len(some)} others" * (len(faults.tight) > len(some))
        say(f"WARNING: {tight}; training leaves them out:\n{_listed(some)}{more}")
    return num_utts


def _listed(faults: dict[str, str]) -> str:
    return "\n".join(f"utterance {utt}: {fault}" for utt, fault in faults.items())
