"""Where the audio of each utterance is: `wav.scp` alone, or cut by `segments`."""

from pathlib import Path
from typing import NamedTuple

from moeasr.data.datadir import read_table
from moeasr.errors import InputError


class AudioSource(NamedTuple):
    """What to read for an utterance: the arguments of `RecordingReader.read`."""

    entry: str
    start_sec: float | None = None
    end_sec: float | None = None


def audio_sources(wav_scp: str | Path, segments: str | Path | None) -> dict[str, AudioSource]:
    """The audio of every utterance, by its name, in file order.

    Args:
        wav_scp: `id entry` lines; ids of recordings if there are segments, else of utterances.
        segments: `utterance recording start end` lines, seconds; an end below 0 is the end.

    Raises:
        InputError: A file is missing or malformed, or a segment's recording is not in `wav_scp`.
    """
    recordings = read_table(wav_scp)
    if segments is None:
        return {utt_id: AudioSource(entry) for utt_id, entry in recordings.items()}
    sources = {}
    for utt_id, line in read_table(segments).items():
        try:
            recording, start_sec, end_sec = line.split()
            times = float(start_sec), float(end_sec)
        except ValueError:
            raise InputError(
                f"{segments}: utterance {utt_id} must have `recording start end`, but has `{line}`"
            ) from None
        if recording not in recordings:
            raise InputError(f"{segments}: recording {recording} of {utt_id} is not in {wav_scp}")
        sources[utt_id] = AudioSource(recordings[recording], *times)
    return sources
