"""Audio files, decoded as a whole or in part into tensors of mono samples, and written as WAV."""

from pathlib import Path
from typing import BinaryIO, NamedTuple

import soundfile
import torch

from moeasr.audio.decoded import DecodedAudio, decode_bytes, decode_segment


class Audio(NamedTuple):
    """Decoded audio."""

    samples: torch.Tensor
    """Mono samples, (S,) float32, S > 0."""
    rate_hz: int
    """The sample rate, Hz."""
    header_overshoots: bool = False
    """True if the header announces more samples than there are, because of a known writer bug."""


def read_audio_bytes(content: bytes, name: str, channel: int | None = None) -> Audio:
    """Decode a whole audio file that is already in memory, see `decode_bytes`."""
    return _with_tensor(decode_bytes(content, name, channel))


def read_segment(
    path: str,
    start_sec: float | None = None,
    end_sec: float | None = None,
    channel: int | None = None,
) -> Audio:
    """Read an audio file or a segment of it, see `decode_segment`."""
    return _with_tensor(decode_segment(path, start_sec, end_sec, channel))


def write_wav(target: Path | BinaryIO, waveform: torch.Tensor, rate_hz: int) -> None:
    """Write (S,) samples as 16-bit WAV, clipped to [-1, 1]; `target` is a path or a stream."""
    # soundfile would scale 1.0 to 32767, and so change samples that were read from 16 bits
    samples = (waveform * 2**15).round().clamp(-(2**15), 2**15 - 1).to(torch.int16)
    if isinstance(target, Path):  # libsndfile would not say why a file cannot be written
        with open(target, "wb") as file:
            write_wav(file, waveform, rate_hz)
        return
    soundfile.write(target, samples.numpy(), rate_hz, format="WAV", subtype="PCM_16")


def _with_tensor(audio: DecodedAudio) -> Audio:
    return Audio(torch.from_numpy(audio.samples), audio.rate_hz, audio.header_overshoots)
