"""Filter banks computed when an utterance is read: the values that archives would hold."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from moeasr.audio.duration import segment_length
from moeasr.audio.probe import AudioInfo
from moeasr.audio.recording import resample
from moeasr.audio.sample_counts import resampled_length
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank, num_fbank_frames
from moeasr.features.fbank_config import FbankConfig

MAX_MEASURED = 1000
"""Recordings whose lengths are remembered."""


class WaveformReader(Protocol):
    """Decodes the audio of an entry."""

    def read(
        self, entry: str, start_sec: float | None = None, end_sec: float | None = None
    ) -> tuple[Tensor, int]:
        """(S,) samples and their rate in Hz.

        Raises:
            InputError: There is no such audio.
        """
        ...

    def measure(self, entry: str) -> AudioInfo:
        """Return rate and length of all samples of an entry, from its header where that tells.

        Raises:
            InputError: There is no such audio.
        """
        ...


class AudioFeatures:
    """A reader of utterances that computes the features of their audio.

    Args:
        reader: Of the audio: `RecordingReader` for wav.scp, `ShardReader` for shards.scp.
        config: The filter banks.
    """

    def __init__(self, reader: WaveformReader, config: FbankConfig) -> None:
        self._reader = reader
        self._config = config
        self._measured: dict[str, AudioInfo] = {}  # recordings, for their other segments

    def num_frames(self, utterance: Utterance) -> int:
        """Return T of an utterance, by the header of its audio.

        Raises:
            InputError: The audio cannot be measured; the utterance is named.
        """
        with _naming_utterance(utterance):
            if utterance.entry not in self._measured:
                if len(self._measured) >= MAX_MEASURED:
                    self._measured.clear()
                self._measured[utterance.entry] = self._reader.measure(utterance.entry)
            num_samples, rate_hz = segment_length(self._measured[utterance.entry], utterance)
        target = resampled_length(num_samples, rate_hz, self._config.sample_rate_hz)
        return num_fbank_frames(target, self._config)

    def read(self, utterance: Utterance) -> Tensor:
        """The features of an utterance, (T, F), bit for bit those that `make_fbank` stores.

        Raises:
            InputError: Its audio cannot be read; the utterance is named.
        """
        with one_thread():
            with _naming_utterance(utterance):
                samples, rate_hz = self._reader.read(*utterance.audio_span)
            return utterance_fbank(samples, rate_hz, self._config, utterance.utt_id)


@contextmanager
def _naming_utterance(utterance: Utterance) -> Iterator[None]:
    """Name the utterance in an `InputError` of the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"utterance {utterance.utt_id}: {error}") from None


def utterance_fbank(
    samples: Tensor, rate_hz: int, config: FbankConfig, utt_id: str, seed: int = 0
) -> Tensor:
    """Filter banks of one utterance of a corpus.

    Args:
        samples: (S,) in [-1, 1].
        rate_hz: Their rate, from which they are brought to that of `config`.
        config: The settings.
        utt_id: The dither, if there is any, depends on this alone: not on how jobs are split, nor
            on when the features are computed.
        seed: Of the dither.

    Returns:
        (T, F) float32; T may be 0.
    """
    waveform, _ = resample(samples, rate_hz, config.sample_rate_hz)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {utt_id}".encode()))
    return compute_fbank(waveform, config, generator)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, as feature jobs and loader processes do.

    Convolutions (of a changed speed) and matrix products that are split over threads round
    differently: the features of an utterance would depend on who computed them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
