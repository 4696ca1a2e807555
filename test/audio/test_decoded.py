"""Audio files as arrays: whole, from memory, and segments of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.audio.decoded import decode_bytes, decode_segment, mix_down
from moeasr.audio.programs import MIXED
from moeasr.errors import InputError

RATE_HZ = 8000


@pytest.fixture
def stereo(tmp_path: Path) -> str:
    """0, 1, 2, ... in the first channel and 1000 in the second, 1 s."""
    samples = np.stack([np.arange(RATE_HZ), np.full(RATE_HZ, 1000)], axis=1).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ)
    return str(tmp_path / "a.wav")


def as_ints(samples: np.ndarray) -> list[int]:
    return (samples * 32768).round().astype(int).tolist()


def test_a_segment_holds_the_samples_between_its_times(stereo: str) -> None:
    audio = decode_segment(stereo, 0.5, 0.502, channel=1)
    assert as_ints(audio.samples) == list(range(4000, 4016))
    assert (audio.rate_hz, audio.header_overshoots) == (RATE_HZ, False)
    assert as_ints(decode_segment(stereo, 0.9995, channel=1).samples) == [7996, 7997, 7998, 7999]
    assert as_ints(decode_segment(stereo, 0.9999, -1.0, channel=2).samples) == [1000]


def test_memory_and_file_give_the_same(stereo: str) -> None:
    from_file = decode_segment(stereo)
    from_memory = decode_bytes(Path(stereo).read_bytes(), "standard input")
    assert np.array_equal(from_file.samples, from_memory.samples)
    assert as_ints(from_file.samples[[0, 2, 7000]]) == [500, 501, 4000]  # means of both channels


def test_channels_are_taken_by_number_or_averaged() -> None:
    samples = np.array([[1.0, 3.0], [2.0, -2.0]], np.float32)
    assert mix_down(samples, "a.wav", None).tolist() == [2.0, 0.0]
    assert mix_down(samples, "a.wav", MIXED).tolist() == [2.0, 0.0]
    assert mix_down(samples, "a.wav", 2).tolist() == [3.0, -2.0]
    assert mix_down(samples[:, :1], "a.wav", None).tolist() == [1.0, 2.0]
    with pytest.raises(InputError, match="^a.wav has no channel 3, only 2$"):
        mix_down(samples, "a.wav", 3)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^audio file {tmp_path}/x.wav does not exist$"):
        decode_segment(f"{tmp_path}/x.wav")
