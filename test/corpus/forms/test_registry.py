"""The recognition of the form of a corpus."""

import logging

import pytest
from corpus_forms import FORM_TREES, write_clip
from made_up import write_lines

from moeasr.corpus.forms.registry import FORMS, find_form
from moeasr.errors import InputError


def test_each_form_has_a_tree():
    assert FORM_TREES.keys() == FORMS.keys()


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_recognised_and_said(tmp_path, caplog, name):
    caplog.set_level(logging.INFO)
    FORM_TREES[name](tmp_path)
    form, place = find_form("auto", tmp_path)
    assert type(form) is FORMS[name]
    assert f"{place} is read as --form {name}: it contains " in caplog.text
    assert find_form(name, tmp_path)[1] == place


def test_what_is_not_recognised(tmp_path):
    with pytest.raises(InputError, match="x is not a directory"):
        find_form("auto", tmp_path / "x")
    with pytest.raises(InputError, match="is not recognised, since it contains no audio"):
        find_form("auto", tmp_path)
    with pytest.raises(InputError, match="--form: 'ljspeach' is unknown; did you mean 'ljspeech'"):
        find_form("ljspeach", tmp_path)


def test_an_unknown_table_beside_audio_is_shown_with_what_each_form_needs(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write_clip(tmp_path / "clips/a 1.wav")
    write_lines(tmp_path / "words.csv", ["wav,words", "a 1.wav,go home"])
    with pytest.raises(InputError) as caught:
        find_form("auto", tmp_path)
    expected = (
        "since it contains audio files such as clips/a 1.wav and words.csv with the first line "
        "'wav,words'; arrange the files as one of the forms above needs them, or write a form of "
        'your own in local/my_form.py, and name the form: ./run.sh --corpus-opts "--form FORM"'
    )
    assert expected in str(caught.value)
    for name in FORMS:
        assert f"--form {name} needs " in caplog.text
    assert "metadata.csv or metadata.jsonl with file_name and one of text, sentence" in caplog.text


def test_a_table_in_another_encoding_is_named(tmp_path):
    write_clip(tmp_path / "a.wav")
    (tmp_path / "metadata.csv").write_bytes("file,text\na.wav,go\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"a\.wav and metadata\.csv, which is not UTF-8 text; arr"):
        find_form("auto", tmp_path)


def test_only_a_few_tables_are_shown(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.parquet").write_bytes(b"PAR1\xff\x00")
    with pytest.raises(InputError, match="0.parquet and 1.parquet and 2.parquet and 2 further"):
        find_form("auto", tmp_path)
