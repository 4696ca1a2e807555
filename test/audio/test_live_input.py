"""Audio through pipes, which is passed on as it arrives."""

import io
import os
import threading

import numpy as np
import pytest
import soundfile

from moeasr.audio.decoded import decode_bytes
from moeasr.audio.live_input import SUBTYPES, open_live
from moeasr.errors import InputError


class Pipe:
    """A pipe of which only some bytes have arrived, and which must not be asked for more."""

    def __init__(self, content, num_arrived=None):
        self.content = io.BytesIO(content)
        self.num_arrived = len(content) + 1 if num_arrived is None else num_arrived
        self.buffer = self

    def read(self, count=-1):
        is_there = count >= 0 and self.content.tell() + count <= self.num_arrived
        assert is_there or self.num_arrived > len(self.content.getvalue()), "this would wait"
        return self.content.read(count)


def live(monkeypatch, content, raw_rate_hz=None, num_arrived=None):
    """Return an opened pipe on standard input with packets of 0.1 s."""
    monkeypatch.setattr("sys.stdin", Pipe(content, num_arrived))
    return open_live("-", raw_rate_hz, 0.1)


def wav(subtype="PCM_16", channels=2, format="WAV"):  # noqa: A002, the name in soundfile
    buffer = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal((2000, channels))
    soundfile.write(buffer, samples, 8000, format=format, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", SUBTYPES.values())
def test_wav_gives_its_samples(monkeypatch, subtype, form):
    content = wav(subtype, format=form)
    with live(monkeypatch, content) as source:
        blocks = list(source)
    assert [len(block) for block in blocks] == [800, 800, 400]
    assert source.rate_hz == 8000
    assert np.array_equal(np.concatenate(blocks), decode_bytes(content, "").samples)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_headers_that_promise_no_length_are_read_to_the_end(monkeypatch, size):
    content = bytearray(wav())
    content[4:8] = content[40:44] = size.to_bytes(4, "little")
    expected = decode_bytes(wav(), "").samples
    # the first packet is passed on before the second one arrives
    with live(monkeypatch, bytes(content), num_arrived=44 + 3200) as source:
        assert np.array_equal(next(iter(source)), expected[:800])
    with live(monkeypatch, bytes(content) + b"\1") as source:  # the rest of a sample is dropped
        assert np.array_equal(np.concatenate(list(source)), expected)


def test_raw_samples_have_16_bits(monkeypatch):
    samples = np.arange(-1000, 1000, dtype="<i2")
    with live(monkeypatch, samples.tobytes(), 8000, num_arrived=1600) as source:
        assert source.rate_hz == 8000
        blocks = iter(source)
        assert np.array_equal(next(blocks), samples[:800] / np.float32(2**15))
    with live(monkeypatch, samples.tobytes(), 8000) as source:
        assert np.array_equal(np.concatenate(list(source)), samples / np.float32(2**15))


def test_other_formats_are_read_to_their_end(monkeypatch):
    for form, subtype in (("FLAC", "PCM_16"), ("WAV", "IMA_ADPCM"), ("RF64", "PCM_16")):
        content = wav(subtype, 1, form)
        with live(monkeypatch, content) as source:
            found = np.concatenate(list(source))
        assert np.array_equal(found, decode_bytes(content, "").samples)


def test_named_pipes_and_files(monkeypatch, tmp_path):
    content = wav()
    path, fifo = tmp_path / "a.wav", tmp_path / "fifo"
    path.write_bytes(content)
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    for name, num_blocks in ((fifo, 3), (path, 1)):
        with open_live(str(name), None, 0.1) as source:
            assert len(list(source)) == num_blocks
    writer.join(timeout=120)


@pytest.mark.parametrize(
    ("content", "rate_hz", "message"),
    [
        (b"", None, "standard input is empty"),
        (b"", 8000, "standard input is empty"),
        (b"\1", 8000, "standard input contains no samples"),
        (wav()[:44], None, "standard input contains no samples"),
        (wav()[:4000], None, "is truncated: its header announces 8000 bytes, but only 3956"),
        (wav(), 8000, "is a WAV file, which has a sample rate of its own; omit --sample-rate"),
        (b"RIFF\0\0\0\0WAVEfmt ", None, "cannot be decoded"),
        (b"no audio file", None, "cannot be decoded.*; raw 16-bit samples need --sample-rate"),
        (wav("FLOAT")[:-4] + b"\0\0\xc0\x7f", None, "contains NaN.*: sample 1999 is nan"),
    ],
)
def test_faults_are_one_sentence(monkeypatch, content, rate_hz, message):
    opened = live(monkeypatch, content, rate_hz)
    with pytest.raises(InputError, match=message), opened as source:
        list(source)
