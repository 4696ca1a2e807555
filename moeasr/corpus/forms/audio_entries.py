"""The audio of a corpus: how audio files are recognised, and their entries in wav.scp."""

import dataclasses
import shlex
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from moeasr.audio.duration import measure_audio
from moeasr.audio.pipes import UndecodableError, piped_entry
from moeasr.audio.probe import AudioInfo
from moeasr.audio.threads import in_threads
from moeasr.corpus.forms.audio_files import READ_BY_FFMPEG
from moeasr.corpus.forms.form import Item
from moeasr.datadir.raw_tables import is_unicode
from moeasr.datadir.segment_rule import MAX_OVERSHOOT_SEC
from moeasr.errors import InputError, naming
from moeasr.logs import get_logger, progress
from moeasr.plurals import counted

NUM_THREADS = 8
TOLERANCE_SEC = 0.1
"""Largest distance from the end of an utterance to the end of its recording at which an utterance
that begins with the recording is the whole recording. Durations in manifests are rounded, and
programs measure MP3 differently."""

logger = get_logger(__name__)


def with_entries(items: Iterable[Item]) -> list[Item]:
    """Add to each utterance its entry of wav.scp, its times, and the length of its recording.

    Each audio file becomes an entry of wav.scp, and the length of the recording is measured. For
    this, all audio files are opened. A recording whose sample rate differs from that of most
    recordings gets an entry that resamples it.

    Args:
        items: The utterances of all sets.

    Raises:
        InputError: An audio file does not exist, cannot be read, or ends before its utterance.
    """
    items = list(items)
    _raise_first([f"{item.where}: {fault}" for item in items if (fault := _path_fault(item.audio))])
    items = [dataclasses.replace(item, audio=_entry(item.audio)) for item in items]
    places = {str(item.audio): item.where for item in reversed(items)}
    entries = sorted(places)
    measured = in_threads(_measure, entries, NUM_THREADS)
    infos: dict[str, AudioInfo] = {}
    faults = []
    for entry, info in zip(entries, progress(measured, "opening audio files", len(entries))):
        if isinstance(info, AudioInfo):
            infos[entry] = info
        else:
            faults.append(f"{places[entry]}: {info}")
    _raise_first(faults)
    items = [_with_times(item, infos[str(item.audio)].duration_sec) for item in items]
    _raise_first([fault for item in items if (fault := _times_fault(item))])
    renamed = _at_one_rate(infos)
    return [dataclasses.replace(item, audio=renamed[str(item.audio)]) for item in items]


def _path_fault(audio: Path | str) -> str | None:
    """Return why a path cannot be in wav.scp; None if it can, or if `audio` is not a path."""
    if isinstance(audio, str):
        return None
    if not audio.is_file():
        return f"audio file {audio} does not exist"
    name = str(audio)
    if not is_unicode(name):
        return f"the name of {ascii(name)} is not UTF-8; please rename the file"
    if name.endswith("|") or {"\n", "\r"} & set(name):
        return f"wav.scp cannot contain the file name {name!r}; please rename the file"
    return None


def _entry(audio: Path | str) -> str:
    if isinstance(audio, str):
        return audio
    path = str(audio.absolute())
    if audio.suffix.lower() in READ_BY_FFMPEG:
        # libsndfile tries first: some such files are WAV by content
        return f"ffmpeg -nostdin -v error -i {shlex.quote(path)} -ac 1 -f wav - |"
    return path


def _measure(entry: str) -> AudioInfo | str:
    """Return rate and length of an entry of wav.scp, or why it cannot be read."""
    try:
        with naming("its audio"):
            return measure_audio(entry)
    except UndecodableError as error:
        advice = ""
        if entry.startswith("ffmpeg ") and shutil.which("ffmpeg") is None:
            advice = "; please install ffmpeg, or convert the file to WAV or FLAC"
        return f"{error}{advice}"
    except InputError as error:
        return str(error)


def _with_times(item: Item, recording_sec: float) -> Item:
    """Return an utterance with explicit times, which may be outside of its recording."""
    start_sec, end_sec = item.start_sec or 0.0, item.end_sec
    earliest = recording_sec - (TOLERANCE_SEC if start_sec == 0 else 0)
    latest = recording_sec + MAX_OVERSHOOT_SEC
    if end_sec is None or end_sec < 0 or earliest < end_sec <= latest:
        end_sec = recording_sec
    return dataclasses.replace(
        item, start_sec=start_sec, end_sec=end_sec, recording_sec=recording_sec
    )


def _times_fault(item: Item) -> str | None:
    """Return why an utterance is not a part of its recording; None if it is."""
    start_sec, end_sec, recording_sec = item.start_sec, item.end_sec, item.recording_sec
    if start_sec < end_sec <= recording_sec:
        return None
    return (
        f"{item.where}: the utterance is from {start_sec:g} s to {end_sec:g} s, but its audio is "
        f"{recording_sec:.2f} s long: {item.audio}"
    )


def without_needless_times(items: Sequence[Item]) -> list[Item]:
    """Return the utterances of a set, without times if all of them are whole recordings.

    Otherwise the set has `segments`, in which each utterance needs its times.
    """
    if any(item.start_sec or item.end_sec != item.recording_sec for item in items):
        return list(items)
    return [dataclasses.replace(item, start_sec=None, end_sec=None) for item in items]


def _at_one_rate(infos: Mapping[str, AudioInfo]) -> dict[str, str]:
    """Return the entry that yields each entry's audio at the most frequent sample rate."""
    rates = Counter(info.sample_rate_hz for info in infos.values())
    most = max(rates.values(), default=0)
    rate_hz = max((rate for rate, count in rates.items() if count == most), default=0)
    if len(rates) > 1:
        others = ", ".join(f"{rates[rate]} at {rate} Hz" for rate in sorted(set(rates) - {rate_hz}))
        logger.info(
            "%s %d Hz; the others are resampled to this rate: %s",
            *(counted(most, "recording has", "recordings have"), rate_hz, others),
        )
    return {
        entry: entry
        if info.sample_rate_hz == rate_hz
        else piped_entry(entry, f"resample {rate_hz}")
        for entry, info in infos.items()
    }


def _raise_first(faults: list[str]) -> None:
    """Raise `InputError` with the first fault and the number of others, if there are any."""
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{more}")
