"""Filter banks that are computed when an utterance is read, with the values of stored features."""

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
from moeasr.audio.waveforms import naming_utterance
from moeasr.datadir.utterances import Utterance
from moeasr.features.fbank import compute_fbank, num_fbank_frames
from moeasr.features.fbank_config import FbankConfig

MAX_MEASURED = 1000
"""Maximum number of recordings whose lengths are cached."""


class WaveformReader(Protocol):
    """A reader that decodes the audio of an entry."""

    def read(
        self, entry: str, start_sec: float | None = None, end_sec: float | None = None
    ) -> tuple[Tensor, int]:
        """Return (S,) samples and their rate in Hz.

        Raises:
            InputError: The audio cannot be read.
        """
        ...

    def measure(self, entry: str) -> AudioInfo:
        """Return the sample rate and length of an entry, from its header where possible.

        Raises:
            InputError: The audio cannot be read.
        """
        ...


class AudioFeatures:
    """A reader of utterances that computes features from their audio.

    Args:
        reader: The audio reader: `RecordingReader` for wav.scp, `ShardReader` for shards.scp.
        config: Settings of the filter banks.
    """

    def __init__(self, reader: WaveformReader, config: FbankConfig) -> None:
        self._reader = reader
        self._config = config
        self._measured: dict[str, AudioInfo] = {}  # several segments may share a recording

    def num_frames(self, utterance: Utterance) -> int:
        """Return the number of frames T of an utterance, from the header of its audio.

        Raises:
            InputError: The length of the audio cannot be read. The message names the utterance.
        """
        with naming_utterance(utterance):
            if utterance.entry not in self._measured:
                if len(self._measured) >= MAX_MEASURED:
                    self._measured.clear()
                self._measured[utterance.entry] = self._reader.measure(utterance.entry)
            num_samples, rate_hz = segment_length(self._measured[utterance.entry], utterance)
        target = resampled_length(num_samples, rate_hz, self._config.sample_rate_hz)
        return num_fbank_frames(target, self._config)

    def read(self, utterance: Utterance) -> Tensor:
        """Return the (T, F) features of an utterance, bit-identical to what `make_fbank` writes.

        Raises:
            InputError: The audio cannot be read. The message names the utterance.
        """
        with one_thread():
            return self.features_of(self.read_signal(utterance), utterance.utt_id)

    def read_signal(self, utterance: Utterance) -> Tensor:
        """Return the (S,) samples of an utterance at the sample rate of the features.

        Raises:
            InputError: The audio cannot be read. The message names the utterance.
        """
        with naming_utterance(utterance):
            samples, rate_hz = self._reader.read(*utterance.audio_span)
        return resample(samples, rate_hz, self._config.sample_rate_hz)[0]

    def features_of(self, signal: Tensor, utt_id: str) -> Tensor:
        """Return the (T, F) features of (S,) samples that `read_signal` returned."""
        return utterance_fbank(signal, self._config.sample_rate_hz, self._config, utt_id)


def utterance_fbank(
    samples: Tensor, rate_hz: int, config: FbankConfig, utt_id: str, seed: int = 0
) -> Tensor:
    """Compute the filter banks of one utterance of a corpus.

    Args:
        samples: (S,) samples in [-1, 1].
        rate_hz: Sample rate of `samples`; they are resampled to the rate in `config`.
        config: Settings of the filter banks.
        utt_id: The utterance id, which seeds the dither together with `seed`. Features therefore
            do not depend on how the work is divided among jobs.
        seed: Seed of the dither.

    Returns:
        (T, F) float32 features; T may be 0.
    """
    waveform, _ = resample(samples, rate_hz, config.sample_rate_hz)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {utt_id}".encode()))
    return compute_fbank(waveform, config, generator)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread in the `with` block, as feature jobs and loader processes do.

    Convolutions (in changes of speed) and matrix products round differently when they are split
    over threads. Features would then depend on the process that computes them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
