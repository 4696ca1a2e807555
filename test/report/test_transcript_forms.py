"""Forms of transcripts, read back by libraries that other programs use."""

import html
import json
import textwrap

import pytest

from moeasr.api.long_recording import Segment, TranscribedRecording
from moeasr.api.transcription import Alternative, Transcription, Word
from moeasr.report.captions import captions_of
from moeasr.report.transcript_forms import FORMS


def transcription(*words, confidence=0.75):
    found = tuple(Word(text, start, end, 0.5) for text, start, end in words)
    text = " ".join(text for text, _, _ in words)
    return Transcription(text, found, (Alternative(text, -1.0, confidence),))


RECORDING = TranscribedRecording(
    7200.5,
    (
        Segment(0.0, 2.0, transcription(('A"B', 0.0, 0.36), ("<C>", 0.36, 0.4), ("&D", 1.72, 2.0))),
        Segment(3.5, 4.0, transcription()),
        Segment(7199.08, 7200.04, transcription(("É", 7199.12, 7199.2), ("打", 7199.2, 7199.96))),
    ),
    is_whole=False,
)
EMPTY = TranscribedRecording(1.0, (), is_whole=False)


def render(form, recording=RECORDING, name="a b.wav"):
    return FORMS[form].render(name, recording)


def test_text():
    assert render("text") == 'a b.wav\tA"B <C> &D É 打\n'
    assert render("text", EMPTY) == "a b.wav\t\n"


def test_json_has_all_words_with_times():
    line = render("json")
    assert line.count("\n") == 1
    found = json.loads(line)
    assert (found["name"], found["duration"], found["text"]) == ("a b.wav", 7200.5, RECORDING.text)
    assert [
        (segment["start"], segment["end"], segment["text"], segment["confidence"])
        for segment in found["segments"]
    ] == [(s.start, s.end, s.result.text, s.result.confidence) for s in RECORDING.segments]
    words = [word for segment in found["segments"] for word in segment["words"]]
    assert words == [vars(word) for word in RECORDING.words]
    assert json.loads(render("json", EMPTY))["segments"] == []


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_read_back(form, tmp_path):
    webvtt = pytest.importorskip("webvtt")
    path = tmp_path / f"a.{form}"
    path.write_text(render(form), encoding="utf-8")
    read = webvtt.from_srt if form == "srt" else webvtt.read
    expected = captions_of(RECORDING.segments)
    captions = list(read(path))
    # the library takes what looks like a tag out of SRT, and leaves WebVTT escaped
    texts = [caption.text.replace("<C>", "" if form == "srt" else "<C>") for caption in expected]
    assert [html.unescape(caption.text) for caption in captions] == texts
    times = [(caption.start_in_seconds, caption.end_in_seconds) for caption in captions]
    assert times == [(int(caption.start), int(caption.end)) for caption in expected]
    stamps = [(_seconds(caption.start), _seconds(caption.end)) for caption in captions]
    assert stamps == [(caption.start, caption.end) for caption in expected]


def _seconds(stamp):
    """Return the seconds of `hours:minutes:seconds` with a point and milliseconds."""
    hours, minutes, seconds = stamp.split(":")
    return round(3600 * int(hours) + 60 * int(minutes) + float(seconds), 3)


def test_subtitles_as_known_text():
    recording = TranscribedRecording(5.0, RECORDING.segments[:1], is_whole=True)
    assert render("srt", recording) == textwrap.dedent(
        """\
        1
        00:00:00,000 --> 00:00:00,400
        A"B <C>

        2
        00:00:01,720 --> 00:00:02,000
        &D
        """
    )
    assert render("vtt", recording) == textwrap.dedent(
        """\
        WEBVTT

        00:00:00.000 --> 00:00:00.400
        A"B &lt;C&gt;

        00:00:01.720 --> 00:00:02.000
        &amp;D
        """
    )
    assert render("srt", EMPTY) == ""
    assert render("vtt", EMPTY) == "WEBVTT\n"


def test_ctm_has_a_line_per_word():
    assert render("ctm").splitlines() == [
        'a_b.wav 1 0.00 0.36 A"B 0.50',
        "a_b.wav 1 0.36 0.04 <C> 0.50",
        "a_b.wav 1 1.72 0.28 &D 0.50",
        "a_b.wav 1 7199.12 0.08 É 0.50",
        "a_b.wav 1 7199.20 0.76 打 0.50",
    ]


def test_textgrid_is_read_back(tmp_path):
    textgrid = pytest.importorskip("praatio.textgrid")
    for recording in (RECORDING, EMPTY):
        path = tmp_path / "a.TextGrid"
        path.write_text(render("textgrid", recording), encoding="utf-8")
        found = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
        assert found.maxTimestamp == recording.duration
        assert found.tierNames == ("segments", "words")
        words = [(entry.start, entry.end, entry.label) for entry in found.getTier("words").entries]
        assert words == [(word.start, word.end, word.text) for word in recording.words]
        segments = [tuple(entry) for entry in found.getTier("segments").entries]
        expected = [(s.start, s.end, s.result.text) for s in recording.segments if s.result.text]
        assert segments == expected
