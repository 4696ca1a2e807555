"""Tables of spreadsheets and of DeepSpeech."""

import pytest
from corpus_forms import csv_table, write_clip
from made_up import write_lines

from moeasr.corpus.forms.csv_table import CsvForm
from moeasr.corpus.forms.registry import find_form
from moeasr.errors import InputError


def test_a_spreadsheet_for_each_set(tmp_path):
    root = csv_table(tmp_path)
    assert CsvForm().find(root) == "test.csv with columns of audio files and texts"
    sets = CsvForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"train": 6, "test": 2}
    item = sets["train"][1]
    assert (item.text, item.speaker) == ('Go; "home"', "s 1")
    assert item.audio == root / "clips/s 1/1.wav"
    assert item.where == f"{root / 'train.csv'}, line 3"


@pytest.mark.parametrize("header", ["file,text", "PATH; Sentence", "wav_filename,transcript"])
def test_columns_may_have_the_usual_names(tmp_path, header):
    delimiter = ";" if ";" in header else ","
    write_clip(tmp_path / "audio/a.b.wav")
    write_lines(tmp_path / "my list.csv", [header, f"audio/a.b{delimiter}Go home"])
    form, place = find_form("auto", tmp_path)
    (items,) = form.read(place).values()
    assert [(item.name, item.text) for item in items] == [("audio-a.b", "Go home")]
    assert items[0].audio == tmp_path / "audio/a.b.wav"  # the row has no ending


def test_other_tables_are_left_alone(tmp_path):
    write_lines(tmp_path / "speakers.csv", ["speaker,age", "ann,30"])
    write_lines(tmp_path / "data.csv", ["file,text", "a.wav,Go"])
    (items,) = CsvForm().read(tmp_path).values()
    assert [item.text for item in items] == ["Go"]
    (tmp_path / "data.csv").unlink()
    assert CsvForm().find(tmp_path) is None
    with pytest.raises(InputError, match=r"contains no \*\.csv with a column file_name/file/"):
        CsvForm().read(tmp_path)
