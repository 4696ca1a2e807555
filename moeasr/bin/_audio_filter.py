"""What the commands that change a recording on its way through a pipe have in common."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from moeasr.audio.file import Audio
    from moeasr.audio.programs import Effect


def add_audio_argument(parser: argparse.ArgumentParser) -> None:
    """What is read."""
    parser.add_argument("audio", help="a file, `command |`, `file.ark:offset`, or - for stdin")


def read_entry(entry: str) -> "tuple[Tensor, int]":
    """(S,) samples and rate of an entry of a wav.scp, or of standard input for `-`."""
    from moeasr.audio.recording import read_audio

    return read_standard_input()[:2] if entry == "-" else read_audio(entry, None)


def read_standard_input() -> "Audio":
    """Return the audio file on standard input, decoded.

    Raises:
        InputError: It is empty, damaged, or not audio.
    """
    from moeasr.audio.file import read_audio_bytes

    return read_audio_bytes(sys.stdin.buffer.read(), "standard input")


def write_changed(waveform: "Tensor", rate_hz: int, effects: "Sequence[Effect]") -> None:
    """Apply effects to (S,) samples, and write 16-bit WAV to standard output."""
    import io

    import soundfile
    import torch

    from moeasr.audio.recording import apply_effect

    for effect in effects:
        waveform, rate_hz = apply_effect(effect, waveform, rate_hz)
    # not left to soundfile, which takes 32767 for 1.0 and so changes what nobody wanted changed
    samples = (waveform * 2**15).round().clamp(-(2**15), 2**15 - 1).to(torch.int16)
    buffer = io.BytesIO()  # a WAV header is written last, and a pipe cannot go back
    soundfile.write(buffer, samples.numpy(), rate_hz, format="WAV", subtype="PCM_16")
    sys.stdout.buffer.write(buffer.getvalue())
