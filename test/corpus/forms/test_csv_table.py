"""Tables of spreadsheets and of DeepSpeech."""

from unicodedata import normalize

import pytest
from corpus_forms import csv_table, write_clip
from made_up import write_lines

from moeasr.corpus.forms.csv_table import CsvForm
from moeasr.corpus.forms.registry import FORMS, find_form
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
    with pytest.raises(InputError, match=r"contains no \*\.csv or \*\.tsv with a column file"):
        CsvForm().read(tmp_path)


@pytest.mark.parametrize("path", ["{name}\\\\a{n}.wav", "{name}/a{n}", "{root}/{name}/a{n}.wav"])
def test_however_the_audio_is_written_its_directory_is_the_set(tmp_path, path):
    """A name of the place of the corpus, such as `my training`, tells nothing."""
    root = tmp_path / "my training"
    rows = []
    for n, name in enumerate(("train", "dev", "test")):
        write_clip(root / f"{name}/a{n}.wav")
        rows.append(path.format(name=name, n=n, root=root) + ",Go")
    write_lines(root / "list.csv", ["file,text", *rows])
    sets = CsvForm().read(root)
    assert {name: [item.name for item in items] for name, items in sets.items()} == {
        "train": ["train-a0"],
        "dev": ["dev-a1"],
        "test": ["test-a2"],
    }


@pytest.mark.parametrize("column", ["offset", "Start"])
def test_parts_of_recordings_are_refused(tmp_path, column):
    write_clip(tmp_path / "a.wav")
    write_lines(tmp_path / "a.csv", [f"file,text,duration,{column}", "a.wav,Go,1.0,0.5"])
    key = column.lower()
    with pytest.raises(InputError, match=f"a.csv, line 2: `{key}` is not read, because a row of a"):
        CsvForm().read(tmp_path)
    write_lines(tmp_path / "a.csv", [f"file,text,duration,{column}", "a.wav,Go,1.0,"])
    assert len(CsvForm().read(tmp_path)["all"]) == 1


def test_speakers_on_channels_of_a_file_are_refused(tmp_path):
    """A column of channels alone is harmless: the files may have one each."""
    write_clip(tmp_path / "a.wav")
    write_clip(tmp_path / "b.wav")
    rows = ["file,text,channel", "a.wav,Go,1", "b.wav,Home,2"]
    write_lines(tmp_path / "a.csv", rows)
    assert len(CsvForm().read(tmp_path)["all"]) == 2
    write_lines(tmp_path / "a.csv", [*rows, "a.wav,Home,2"])
    with pytest.raises(InputError, match=r"a.csv, line 4: `channel` is not read, .* remix 1 \|"):
        CsvForm().read(tmp_path)


def test_a_table_of_something_else_beside_audio_with_transcripts(tmp_path):
    write_clip(tmp_path / "wavs/a.wav")
    write_lines(tmp_path / "wavs/a.txt", ["Go"])
    write_lines(tmp_path / "extra/scores.csv", ["filename,score,text", "a.wav,0.9,Go"])
    assert CsvForm().find(tmp_path) is None
    assert type(find_form("auto", tmp_path)[0]) is FORMS["folder"]
    write_lines(tmp_path / "list.csv", ["file,text", "wavs/a.wav,Go"])
    assert CsvForm().find(tmp_path) == "list.csv with columns of audio files and texts"
    (items,) = CsvForm().read(tmp_path).values()
    assert [item.name for item in items] == ["wavs-a"]


def test_a_table_of_a_set_stays_although_its_audio_is_missing(tmp_path, caplog):
    """Otherwise a wrong directory in test.csv would make a training utterance the test set."""
    for name in ("train", "test", "scores", "dev/list"):
        write_lines(tmp_path / f"{name}.csv", ["file,text", f"wavs/{name}.wav,Go", "wavs/b.wav,Go"])
    write_clip(tmp_path / "wavs/train.wav")
    sets = CsvForm().read(tmp_path)
    assert {name: len(items) for name, items in sets.items()} == {"train": 2, "test": 2, "dev": 2}
    assert f"{tmp_path / 'scores.csv'} is left out, because no audio file exists" in caplog.text


@pytest.mark.parametrize("name", ["eval_results", "test/scores"])
def test_a_table_of_scores_of_a_set_does_not_replace_the_table_of_all(tmp_path, name):
    write_clip(tmp_path / "wavs/a.wav")
    write_lines(tmp_path / "list.csv", ["file,text", "wavs/a.wav,Go"])
    write_lines(tmp_path / f"{name}.csv", ["file,text", "a.wav,Go"])
    assert {key: len(items) for key, items in CsvForm().read(tmp_path).items()} == {"all": 1}


def test_a_fault_in_a_later_row_of_a_table_of_scores_does_not_matter(tmp_path):
    write_clip(tmp_path / "wavs/a.wav")
    write_lines(tmp_path / "wavs/a.txt", ["Go"])
    rows = ["filename,score,text", ",0.9,Go", "a.wav,0.9,Go", "b.wav,0.9,Go, home"]
    write_lines(tmp_path / "extra/scores.csv", rows)
    assert type(find_form("auto", tmp_path)[0]) is FORMS["folder"]
    with pytest.raises(InputError, match="scores.csv, line 2: `filename` is empty or missing"):
        CsvForm().read(tmp_path)


def test_a_table_whose_first_file_is_missing_is_read(tmp_path):
    write_clip(tmp_path / "b.wav")
    write_lines(tmp_path / "list.csv", ["file,text", "a.wav,Go", "b.wav,Home"])
    assert CsvForm().find(tmp_path) == "list.csv with columns of audio files and texts"
    assert len(CsvForm().read(tmp_path)["all"]) == 2  # preparation names the missing one


def test_a_table_whose_files_are_all_missing_is_the_reason(tmp_path):
    write_clip(tmp_path / "wavs/a.wav")
    write_lines(tmp_path / "train.csv", ["file,text,speaker", "audio/a.wav,Go,ann"])
    sentence = rf"not recognised, since .*train\.csv, line 2, names {tmp_path}/audio/a.wav, which"
    with pytest.raises(InputError, match=sentence):
        find_form("auto", tmp_path)


def test_tables_may_end_in_tsv(tmp_path):
    write_clip(tmp_path / "a.wav")
    write_lines(tmp_path / "list.tsv", ["file\ttext", "a.wav\tGo, home"])
    assert [item.text for item in CsvForm().read(tmp_path)["all"]] == ["Go, home"]


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_letters_with_accents_may_be_composed_or_not(tmp_path, on_disk, in_table):
    audio = tmp_path / f"{normalize(on_disk, 'Müller é')}.wav"
    write_clip(audio)
    for name in ("Müller é.wav", "Müller é"):
        write_lines(tmp_path / "list.csv", ["file,text", f"{normalize(in_table, name)},Go"])
        (item,) = CsvForm().read(tmp_path)["all"]
        assert item.audio == audio


def test_without_any_audio_the_first_missing_file_is_named_later(tmp_path):
    write_lines(tmp_path / "list.CSV", ["file,text", "wavs/a.wav,Go"])
    (items,) = CsvForm().read(tmp_path).values()
    assert items[0].audio == tmp_path / "wavs/a.wav"
