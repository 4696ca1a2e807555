"""The audio of utterances, read one after the other."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from moeasr.audio.recording import RecordingReader, resample
from moeasr.datadir.utterances import Utterance, Utterances
from moeasr.errors import InputError


def read_waveforms(
    utterances: Utterances, sample_rate_hz: int
) -> Iterator[tuple[str, Tensor, int | None]]:
    """Read the audio of utterances in order.

    Args:
        utterances: Utterances whose entries are those of a wav.scp.
        sample_rate_hz: The rate to which the audio is resampled, Hz.

    Yields:
        The id of an utterance, its (S,) samples in [-1, 1], and its language index.

    Raises:
        InputError: A recording cannot be read; the message names the utterance.
    """
    reader = RecordingReader()
    for utterance in utterances:
        with naming_utterance(utterance):
            samples, rate_hz = reader.read(*utterance.audio_span)
        yield utterance.utt_id, resample(samples, rate_hz, sample_rate_hz)[0], utterance.language


@contextmanager
def naming_utterance(utterance: Utterance) -> Iterator[None]:
    """Add the utterance id to the message of any `InputError` in the `with` block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"utterance {utterance.utt_id}: {error}") from None
