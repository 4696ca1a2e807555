"""Audio files as tensors."""

from pathlib import Path

import numpy as np
import soundfile
import torch

from moeasr.audio.decoded import decode_segment
from moeasr.audio.file import Audio, read_audio_bytes, read_segment, write_wav


def test_tensors_hold_the_decoded_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.arange(16).reshape(8, 2).astype(np.int16), 8000)
    whole = read_segment(str(path))
    assert whole.samples.dtype == torch.float32
    assert (whole.samples * 32768).tolist() == [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5]
    from_memory = read_audio_bytes(path.read_bytes(), "standard input")
    assert torch.equal(whole.samples, from_memory.samples)
    part = (str(path), 0.0005, None, 2)
    assert isinstance(read_segment(*part), Audio)
    assert read_segment(*part).samples.tolist() == decode_segment(*part).samples.tolist()


def test_16_bit_samples_are_written_as_they_were_read_and_others_rounded_and_clipped(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.wav"
    values = torch.tensor([-(2**15), -1, 0, 1, 12345, 2**15 - 1])
    write_wav(path, values / 2**15, 8000)
    assert soundfile.read(path, dtype="int16")[0].tolist() == values.tolist()
    write_wav(path, torch.tensor([1.0, -7.0, 1.6 / 2**15]), 8000)
    assert soundfile.read(path, dtype="int16")[0].tolist() == [2**15 - 1, -(2**15), 2]
