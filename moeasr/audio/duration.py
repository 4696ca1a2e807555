"""Exact lengths of utterances, measured from the headers of audio files where possible."""

from typing import NamedTuple

from moeasr.audio.header_length import measure_header
from moeasr.audio.probe import AudioInfo
from moeasr.audio.samples import sample_range
from moeasr.datadir.utterances import Utterance, Utterances
from moeasr.errors import InputError, naming
from moeasr.fields import SPACES


class AudioLength(NamedTuple):
    """The length of an utterance, or the reason why its audio cannot be read (`fault`)."""

    utt_id: str
    num_samples: int = 0
    rate_hz: int = 0
    fault: str = ""
    header_overshoots: bool = False


class LengthReader:
    """A reader of utterance lengths, equal to the lengths that `RecordingReader` would read.

    Args:
        utterances: Utterances whose entries are those of a wav.scp.
        num_at_once: Number of lengths that one call of `read` returns.
    """

    def __init__(self, utterances: Utterances, num_at_once: int = 500) -> None:
        self._utterances = utterances
        self._num_at_once = num_at_once

    def __len__(self) -> int:
        """Return the number of chunks of utterances, each of which is one call of `read`."""
        return (len(self._utterances) + self._num_at_once - 1) // self._num_at_once

    def read(self, number: int) -> list[AudioLength]:
        """Return the lengths of the utterances in chunk `number`, counted from 0.

        Damage in the middle of a file is not detected.
        """
        first = number * self._num_at_once
        known: dict[str, AudioInfo] = {}  # several segments may share a recording
        lengths = []
        for index in range(first, min(first + self._num_at_once, len(self._utterances))):
            utterance = self._utterances[index]
            utt_id, entry = utterance.utt_id, utterance.entry.strip(SPACES)
            with naming(f"utterance {utt_id}"):
                try:
                    if entry not in known:
                        known[entry] = measure_audio(entry)
                    num_samples, rate_hz = segment_length(known[entry], utterance)
                    overshoots = known[entry].header_overshoots
                    lengths.append(AudioLength(utt_id, num_samples, rate_hz, "", overshoots))
                except InputError as error:
                    lengths.append(AudioLength(utt_id, fault=str(error)))
        return lengths


def segment_length(recording: AudioInfo, utterance: Utterance) -> tuple[int, int]:
    """Return the number of samples of an utterance and their rate in Hz.

    Args:
        recording: The recording that the utterance is a part of.
        utterance: The utterance.

    Raises:
        InputError: The utterance lies outside its recording.
    """
    rate_hz, num_samples, _ = recording
    times = utterance.start_sec, utterance.end_sec
    start, end = sample_range(num_samples, rate_hz, *times, utterance.entry.strip(SPACES))
    return end - start, rate_hz


def measure_audio(entry: str) -> AudioInfo:
    """Return the sample rate and length of a wav.scp entry, equal to those `RecordingReader` reads.

    Raises:
        InputError: The audio is missing, truncated or not audio. The message names the entry.
    """
    info = measure_header(entry)
    if info is not None:
        return info
    from moeasr.audio.recording import RecordingReader  # imports torch, which headers do not need

    return RecordingReader().measure(entry)
