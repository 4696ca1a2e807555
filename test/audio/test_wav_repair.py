"""WAV files whose chunk layout libsndfile cannot read."""

import struct

from moeasr.audio.wav_repair import is_wav, repair_wav

FORMAT = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
SAMPLES = bytes(range(1, 11))


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def data(size: int) -> bytes:
    return b"data" + struct.pack("<I", size) + SAMPLES


GOOD = wav(FORMAT, data(10))


def test_a_wav_is_recognized_by_its_first_bytes():
    assert is_wav(GOOD) and is_wav(b"RIFF....WAVE")
    assert not is_wav(b"RIFF....AVI ") and not is_wav(b"RIFX....WAVE") and not is_wav(b"")


def test_a_length_of_0_becomes_that_of_the_rest():
    assert repair_wav(wav(FORMAT, data(0))) == GOOD


def test_a_missing_byte_of_padding_is_added():
    assert repair_wav(wav(b"LIST" + struct.pack("<I", 5) + b"abcde", FORMAT, data(10))) == GOOD


def test_a_good_file_keeps_format_and_samples_alone():
    padded = b"LIST" + struct.pack("<I", 5) + b"abcde\0"
    assert repair_wav(GOOD) == GOOD
    assert repair_wav(wav(padded, FORMAT, data(10), padded)) == GOOD


def test_a_length_beyond_the_end_stays():
    """The reader says that the file is truncated."""
    assert (
        repair_wav(wav(FORMAT, data(50)))
        == b"RIFF" + struct.pack("<I", 46) + wav(FORMAT, data(50))[8:]
    )


def test_without_format_or_samples_there_is_nothing_to_repair():
    empty = b"data" + bytes(4)
    for content in (wav(), wav(FORMAT), wav(data(10)), wav(FORMAT, empty), wav(FORMAT[:12])):
        assert repair_wav(content) is None
