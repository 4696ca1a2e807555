"""Audio files in blocks: the samples of the whole file, or one sentence."""

import io
import os
import threading

import numpy as np
import pytest
import soundfile

from moeasr.audio import audio_blocks
from moeasr.audio.audio_blocks import open_blocks, open_copy
from moeasr.audio.decoded import decode_segment
from moeasr.errors import InputError


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(audio_blocks, "BLOCK_SAMPLES", 1000)


def write(path, channels=2, **settings):
    samples = 0.1 * np.random.default_rng(0).standard_normal((4321, channels))
    soundfile.write(path, samples, 8000, **settings)
    return str(path)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_blocks_are_the_samples_of_the_file(tmp_path, name):
    path = write(tmp_path / name)
    with open_blocks(path) as blocks:
        found = list(blocks)
        assert (blocks.rate_hz, blocks.header_overshoots) == (8000, False)
    assert len(found) > 4 and max(map(len, found)) == 1000
    # the decoder of MP3 rounds differently when it decodes blocks
    assert np.abs(np.concatenate(found) - decode_segment(path).samples).max() <= 2**-24


def test_pipes_are_read_to_their_end(tmp_path, monkeypatch):
    path = write(tmp_path / "a.flac")
    expected = decode_segment(path).samples
    with open(path, "rb") as handle:
        content = handle.read()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    with open_blocks("-") as blocks:
        assert np.array_equal(np.concatenate(list(blocks)), expected)
    with open_copy(io.BytesIO(content[10:]), "pipe", content[:10]) as blocks:
        assert np.array_equal(np.concatenate(list(blocks)), expected)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    with open_blocks(str(fifo)) as blocks:
        assert np.array_equal(np.concatenate(list(blocks)), expected)
    writer.join(timeout=120)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no audio", "cannot be decoded"),
        (None, "No such file"),
    ],
)
def test_files_that_are_not_audio_are_named(tmp_path, content, message):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"a.wav.*{message}"), open_blocks(str(path)):
        raise AssertionError("the file is open")


def test_damage_behind_the_header_is_named(tmp_path):
    path = write(tmp_path / "a.flac")
    with open(path, "r+b") as handle:
        handle.truncate(5000)
    with pytest.raises(InputError, match=r"a\.flac"), open_blocks(path) as blocks:
        list(blocks)
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.append(np.zeros(3000), np.nan), 8000, subtype="FLOAT")
    message = r"nan\.wav contains NaN.*: sample 3000 is nan"
    with open_blocks(str(path)) as blocks, pytest.raises(InputError, match=message):
        list(blocks)
    soundfile.write(path, np.zeros(0), 8000)
    with pytest.raises(InputError, match="contains no samples"), open_blocks(str(path)):
        raise AssertionError("the file is open")
