"""Captions, and their forms."""

import pytest

from moeasr.api.transcription import Word
from moeasr.serve.captions import Caption, captions_of, srt, vtt


def words_at(*spans):
    return [Word(text, start, end, 1.0) for text, start, end in spans]


def test_a_pause_ends_a_caption():
    words = words_at(("A", 0.5, 0.7), ("B", 0.8, 1.0), ("A", 1.7, 2.0))
    assert captions_of("A B A", words, 3.0) == [Caption(0.5, 1.0, "A B"), Caption(1.7, 2.0, "A")]


def test_a_caption_keeps_the_spaces_of_the_text():
    words = words_at(("打", 0, 1), ("开", 1, 2), ("WENET", 2, 3))
    assert captions_of("打开WENET", words, 3.0) == [Caption(0, 3, "打开WENET")]


@pytest.mark.parametrize(("length", "sec"), [(20, 0.1), (3, 2.0)])
def test_captions_are_short(length, sec):
    words = words_at(*(("X" * length, n * sec, (n + 1) * sec) for n in range(40)))
    found = captions_of(" ".join(word.text for word in words), words, 40 * sec)
    assert " ".join(c.text for c in found) == " ".join(word.text for word in words)
    assert max(len(c.text) for c in found) <= 80
    assert max(c.end - c.start for c in found) <= 6.0
    assert len(found) <= 20


def test_a_text_without_times_is_one_caption():
    assert captions_of("A B", (), 2.5) == [Caption(0.0, 2.5, "A B")]
    assert captions_of("", (), 2.5) == []


def test_forms():
    captions = [Caption(0.0, 1.2345, "A B"), Caption(3725.9996, 3726.5, "C")]
    assert srt(captions) == (
        "1\n00:00:00,000 --> 00:00:01,234\nA B\n\n2\n01:02:06,000 --> 01:02:06,500\nC\n"
    )
    assert vtt(captions) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\nA B\n\n01:02:06.000 --> 01:02:06.500\nC\n"
    )
    assert srt([]) == "" and vtt([]) == "WEBVTT\n"
