"""The place of transcripts: standard output, one file, or a file per recording."""

import pytest

from moeasr.audio.input_paths import InputPath
from moeasr.errors import InputError
from moeasr.report.transcript_output import TranscriptOutput

A, B = InputPath("x/a.wav", "x/a.wav", "a"), InputPath("b.wav", "b.wav", "deep/b")


def write(form, out, recordings):
    output = TranscriptOutput(form, out and str(out), recordings)
    with output.opened():
        for recording in recordings:
            output.write(recording, f"{recording.name}\n")


def test_standard_output_and_a_file_have_all_recordings(tmp_path, capsys):
    write("text", None, [A, B])
    assert capsys.readouterr().out == "x/a.wav\nb.wav\n"
    write("json", tmp_path / "new" / "all.json", [A, B])
    assert (tmp_path / "new" / "all.json").read_text() == "x/a.wav\nb.wav\n"
    write("srt", tmp_path / "a.srt", [A])
    assert (tmp_path / "a.srt").read_text() == "x/a.wav\n"


@pytest.mark.parametrize(
    ("form", "out", "suffix"),
    [
        ("text", "new/", "txt"),
        ("ctm", "", "ctm"),
        ("vtt", "new", "vtt"),
        ("textgrid", "", "TextGrid"),
    ],
)
def test_a_directory_has_a_file_per_recording(tmp_path, form, out, suffix):
    write(form, f"{tmp_path}/{out}", [A, B])
    root = tmp_path / out
    assert (root / f"a.{suffix}").read_text() == "x/a.wav\n"
    assert (root / "deep" / f"b.{suffix}").read_text() == "b.wav\n"
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2


def test_an_interrupted_file_does_not_appear(tmp_path):
    output = TranscriptOutput("text", str(tmp_path / "all.txt"), [A, B])
    with pytest.raises(KeyboardInterrupt), output.opened():
        output.write(A, "half\n")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_several_recordings_need_a_directory_and_different_names(tmp_path):
    for out in (None, "all.srt"):
        with pytest.raises(InputError, match="form srt contains one recording, but there are 2"):
            TranscriptOutput("srt", out, [A, B])
    twin = InputPath("y/a.flac", "y/a.flac", "a")
    with pytest.raises(InputError, match=r"x/a\.wav and y/a\.flac would both .* to a\.srt"):
        TranscriptOutput("srt", "new", [A, twin])
    TranscriptOutput("text", None, [A, twin])
