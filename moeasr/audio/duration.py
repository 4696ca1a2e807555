"""Exact lengths of utterances, without decoding audio whose header tells them."""

from typing import NamedTuple

from moeasr.audio.header_length import measure_header
from moeasr.audio.probe import AudioInfo
from moeasr.audio.samples import sample_range
from moeasr.datadir.utterances import Utterance, Utterances
from moeasr.errors import InputError, naming
from moeasr.fields import SPACES


class AudioLength(NamedTuple):
    """Length of an utterance; or why there is none."""

    utt_id: str
    num_samples: int = 0
    rate_hz: int = 0
    fault: str = ""
    header_overshoots: bool = False


class LengthReader:
    """Tells the lengths of the samples that `RecordingReader` reads.

    Args:
        utterances: Utterances whose entries are those of a wav.scp.
        num_at_once: How many lengths to tell at a time.
    """

    def __init__(self, utterances: Utterances, num_at_once: int = 500) -> None:
        self._utterances = utterances
        self._num_at_once = num_at_once

    def __len__(self) -> int:
        """How many times there is something to tell."""
        return (len(self._utterances) + self._num_at_once - 1) // self._num_at_once

    def read(self, number: int) -> list[AudioLength]:
        """The lengths of some utterances: of the first ones for 0, and so on.

        Damage amid a file is not seen.
        """
        first = number * self._num_at_once
        known: dict[str, AudioInfo] = {}  # recordings have several segments
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
    """Return the number of samples of an utterance, and their rate in Hz.

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
    """Rate and samples of an entry of wav.scp: exactly those that `RecordingReader` reads.

    Raises:
        InputError: It is missing, not audio, or cut short; names the entry.
    """
    info = measure_header(entry)
    if info is not None:
        return info
    from moeasr.audio.recording import RecordingReader  # with torch, which headers do without

    return RecordingReader().measure(entry)
