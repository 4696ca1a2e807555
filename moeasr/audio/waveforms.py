"""The sound of each utterance of a data directory, with or without segments."""

from collections.abc import Iterator

from torch import Tensor

from moeasr.audio.command_notice import command_notice
from moeasr.audio.recording import RecordingReader, resample
from moeasr.datadir.directory import DataDir
from moeasr.errors import InputError
from moeasr.logs import get_logger


def read_waveforms(data: DataDir, sample_rate_hz: int) -> Iterator[tuple[str, Tensor]]:
    """Read the utterances one after the other.

    Args:
        data: With wav.scp, and segments if recordings hold several utterances.
        sample_rate_hz: The rate they are brought to, Hz.

    Yields:
        Utterance, and its (S,) samples in [-1, 1].

    Raises:
        InputError: A recording is missing or cannot be read; the utterance is named.
    """
    notice = command_notice(data.path / "wav.scp", data.wav.items())
    if notice:
        get_logger(__name__).info(notice)
    reader = RecordingReader()
    parts = data.segments or {utt: (utt, None, None) for utt in data.wav}
    for utt, (recording, start_sec, end_sec) in parts.items():
        try:
            if recording not in data.wav:
                raise InputError(f"recording {recording} is not in {data.path / 'wav.scp'}")
            samples, rate_hz = reader.read(data.wav[recording], start_sec, end_sec)
        except InputError as error:
            raise InputError(f"utterance {utt}: {error}") from None
        yield utt, resample(samples, rate_hz, sample_rate_hz)[0]
