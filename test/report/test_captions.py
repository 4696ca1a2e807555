"""Captions: words of a segment, no longer than a viewer can read."""

from moeasr.api.long_recording import Segment
from moeasr.api.transcription import Transcription, Word
from moeasr.report.captions import MAX_CHARACTERS, MAX_PAUSE_SEC, MAX_SEC, Caption, captions_of


def segment(*words, text="said"):
    """Return a segment of words `(text, start, end)`."""
    found = tuple(Word(word, start, end, 0.9) for word, start, end in words)
    return Segment(0.0, 30.0, Transcription(text, found))


def test_captions_end_at_pauses_and_segments():
    found = captions_of(
        [
            segment(("A", 0.5, 0.75), ("B", 1.0, 1.5), ("C", 1.75 + MAX_PAUSE_SEC, 3.0)),
            segment(("打", 4.0, 4.25), ("开", 4.25, 4.5), ("GO", 4.5, 5.0)),
        ]
    )
    assert found == [
        Caption(0.5, 1.5, "A B"),
        Caption(1.75 + MAX_PAUSE_SEC, 3.0, "C"),
        Caption(4.0, 5.0, "打开GO"),
    ]


def test_captions_are_short():
    words = [("WORD", 0.25 * number, 0.25 * number + 0.25) for number in range(100)]
    found = captions_of([segment(*words)])
    assert " ".join(caption.text for caption in found) == " ".join(["WORD"] * 100)
    assert max(len(caption.text) for caption in found) <= MAX_CHARACTERS
    slow = captions_of([segment(*((text, 4 * start, 4 * end) for text, start, end in words))])
    assert max(caption.end - caption.start for caption in slow) <= MAX_SEC
    assert len(slow) > len(found) > 1


def test_a_segment_without_times_is_one_caption():
    assert captions_of([segment(text="A B"), segment(text="")]) == [Caption(0.0, 30.0, "A B")]
