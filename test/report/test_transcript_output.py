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


def test_inputs_and_audio_are_never_replaced(tmp_path):
    audio, table = InputPath("a.flac", str(tmp_path / "a.flac"), "a"), tmp_path / "list.txt"
    (tmp_path / "link.srt").symlink_to(tmp_path / "a.flac")
    for path in (tmp_path / "a.flac", table):
        path.write_text("input")
    for out in ("a.flac", "list.txt", "link.srt", "sub/../a.flac"):
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=rf"{out} is an input; give another output with `-o`"):
            TranscriptOutput("srt", str(tmp_path / out), [audio], [str(table)])
    for out in ("b.WAV", "b.mp3", "wav.scp"):
        with pytest.raises(InputError, match="has the name of an audio file or a table"):
            TranscriptOutput("text", str(tmp_path / out), [audio])


def test_a_text_beside_its_recording_is_kept(tmp_path):
    audio = InputPath("a.flac", str(tmp_path / "a.flac"), "a")
    write("text", f"{tmp_path}/", [audio])
    with pytest.raises(InputError, match="a.txt lies beside its recording and may be its trans"):
        write("text", f"{tmp_path}/", [audio])
    write("srt", f"{tmp_path}/", [audio])
    write("srt", f"{tmp_path}/", [audio])
    write("text", f"{tmp_path}/other/", [audio])
    write("text", f"{tmp_path}/other/", [audio])


def test_the_number_of_transcripts_is_known(tmp_path):
    output = TranscriptOutput("text", str(tmp_path / "all.txt"), [A, B])
    assert output.num_written == 0
    with output.opened():
        output.write(A, "a\n")
    assert output.num_written == 1
