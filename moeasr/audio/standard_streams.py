"""Audio on standard input and standard output, for commands in a pipe."""

import io
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from moeasr.audio.audio_blocks import STANDARD_INPUT
from moeasr.audio.file import write_wav
from moeasr.audio.input_files import decode_standard_input
from moeasr.audio.programs import Effect
from moeasr.audio.recording import RecordingReader, apply_effect


def read_entry(entry: str) -> tuple[Tensor, int]:
    """Return the (S,) samples and rate of a wav.scp entry, or of standard input for `-`."""
    if entry != STANDARD_INPUT:
        return RecordingReader().read(entry)
    audio = decode_standard_input()
    return torch.from_numpy(audio.samples), audio.rate_hz


def write_changed(waveform: Tensor, rate_hz: int, effects: Sequence[Effect]) -> None:
    """Apply effects to (S,) samples, and write the result as 16-bit WAV to standard output."""
    for effect in effects:
        waveform, rate_hz = apply_effect(effect, waveform, rate_hz)
    buffer = io.BytesIO()  # the WAV header is written last, and a pipe is not seekable
    write_wav(buffer, waveform, rate_hz)
    sys.stdout.buffer.write(buffer.getvalue())
