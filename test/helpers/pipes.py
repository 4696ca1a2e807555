"""A recording that goes through one of the commands that change audio in a pipe."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

SAMPLES = np.array([-32768, -32767, -20001, -16384, -3, -1, 0, 1, 3, 16383, 16384, 32767] * 9)
"""16-bit samples, full scale among them."""


def pcm_of(
    main: Callable[[list[str]], None],
    argument: str,
    folder: Path,
    capture: pytest.CaptureFixture[bytes],
) -> list[int]:
    """Return the 16-bit samples that a command makes of `SAMPLES` at 8000 Hz.

    Args:
        main: The command.
        argument: Its first argument; the file is the second.
        folder: Where the file is written.
        capture: The fixture `capfdbinary`.

    Raises:
        AssertionError: The output is no 16-bit mono WAV file of 8000 Hz.
    """
    soundfile.write(folder / "a.wav", SAMPLES.astype(np.int16), 8000)
    main([argument, str(folder / "a.wav")])
    written = soundfile.SoundFile(io.BytesIO(capture.readouterr().out))
    form = (written.format, written.subtype, written.channels, written.samplerate)
    assert form == ("WAV", "PCM_16", 1, 8000)
    return written.read(dtype="int16").tolist()
