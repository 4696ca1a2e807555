"""Audio files of a corpus that its lists do not name."""

import pytest
from corpus_forms import write_clip
from made_up import write_lines

from moeasr.corpus.forms.audio_files import warn_of_unlisted
from moeasr.corpus.forms.audio_folder import AudioFolderForm
from moeasr.corpus.forms.ljspeech import LJSpeechForm


@pytest.mark.parametrize(
    ("form", "lines", "where"),
    [
        (LJSpeechForm(), ["a|Go"], "metadata.csv"),
        (AudioFolderForm(), ["file_name,text", "wavs/a.wav,Go"], "the metadata"),
    ],
)
def test_audio_that_no_line_names_is_counted(tmp_path, caplog, form, lines, where):
    for name in "abc":
        write_clip(tmp_path / f"wavs/{name}.wav")
    (tmp_path / "wavs/._a.wav").touch()
    (tmp_path / "wavs/notes.txt").touch()
    write_lines(tmp_path / "metadata.csv", lines)
    (items,) = form.read(tmp_path).values()
    assert [item.audio for item in items] == [tmp_path / "wavs/a.wav"]
    assert caplog.messages == [
        f"{tmp_path}/wavs/b.wav is left out, because {where} does not name it; the same holds for "
        "1 more (c.wav)"
    ]


def test_a_missing_file_is_the_error_to_report(tmp_path, caplog):
    (tmp_path / "a.wav").touch()
    listed = [tmp_path / "b.wav"]
    warn_of_unlisted([tmp_path], listed, "the metadata")
    assert not caplog.text
    listed[0].touch()
    warn_of_unlisted([tmp_path], listed, "the metadata")
    assert f"{tmp_path / 'a.wav'} is left out, because the metadata does not name it" in caplog.text


def test_nothing_is_said_if_all_are_named(tmp_path, caplog):
    write_clip(tmp_path / "wavs/a.wav")
    write_lines(tmp_path / "metadata.csv", ["a|Go"])
    LJSpeechForm().read(tmp_path)
    assert caplog.messages == []
