"""Ogg files that end within a page, and those that do not."""

import io

import numpy as np
import pytest
import soundfile

from moeasr.audio.file import read_audio_bytes
from moeasr.audio.ogg_pages import MARK, is_cut_short
from moeasr.errors import InputError


def encoded(subtype, seconds=2.0):
    """Return noise as an Ogg file."""
    content = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * 16000))
    soundfile.write(content, noise, 16000, format="OGG", subtype=subtype)
    return content.getvalue()


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_only_files_that_end_with_a_page_are_whole(subtype):
    """A file of some whole pages is accepted: recorders that are stopped write no last page."""
    whole = encoded(subtype)
    starts = [n for n in range(len(whole)) if whole.startswith(MARK, n)]
    ends = {*starts[1:], len(whole)}
    assert len(ends) > 3
    for end in {*range(starts[-1] + len(MARK), len(whole), 97), *ends, *(n + 20 for n in starts)}:
        stream = io.BytesIO(whole[:end])
        assert is_cut_short(stream) == (end not in ends), end
        assert stream.tell() == 0


def test_data_after_the_last_page_does_not_matter():
    for num_bytes in (1, 1000, 100_000):
        assert not is_cut_short(io.BytesIO(encoded("VORBIS") + bytes(num_bytes)))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_file_that_was_cut_is_refused(subtype):
    whole = encoded(subtype)
    assert read_audio_bytes(whole, "a.ogg").samples.shape[-1] == 32000
    with pytest.raises(InputError, match=r"^a\.ogg is truncated: its last Ogg page is incomplete$"):
        read_audio_bytes(whole[: len(whole) // 2], "a.ogg")
