"""`train.tsv`, `dev.tsv`, `test.tsv` and `clips/`."""

import pytest
from corpus_forms import common_voice
from made_up import edit, write_lines

from moeasr.corpus.forms.common_voice import CommonVoiceForm
from moeasr.errors import InputError


@pytest.fixture
def root(tmp_path):
    return common_voice(tmp_path) / "cv-corpus-1.0/cy"


def test_sets_and_columns(root):
    sets = CommonVoiceForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"train": 6, "dev": 3, "test": 3}
    item = sets["train"][1]
    assert (item.name, item.text) == ("common_voice_cy_971", '"Go Home!"')
    assert item.speaker == "a" * 128
    assert item.audio == root / "clips/common_voice_cy_971.mp3"
    assert item.where == f"{root / 'train.tsv'}, line 3"


def test_without_sets_all_validated_clips_are_read(tmp_path):
    write_lines(tmp_path / "validated.tsv", ["path\tsentence", "a.mp3\tGo"])
    (items,) = CommonVoiceForm().read(tmp_path).values()
    assert [(item.name, item.text, item.speaker) for item in items] == [("a", "Go", None)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tsentence", "\ttext", "train.tsv, line 1: there is no column `sentence`"),
        ("\tpath", "\tfile", "train.tsv, line 1: there is no column `path`"),
        ('"Go!"\t2\t', '"Go!"\t', "line 2: has 4 columns, but the first line 5"),
        ("common_voice_cy_970.mp3", " ", "line 2: the column `path` is empty"),
    ],
)
def test_faults_are_named(root, old, new, message):
    edit(root / "train.tsv", old, new)
    assert CommonVoiceForm().find(root)
    with pytest.raises(InputError, match=message):
        CommonVoiceForm().read(root)


def test_other_tables_are_not_taken_for_it(tmp_path):
    with pytest.raises(InputError, match="neither train.tsv nor validated.tsv"):
        CommonVoiceForm().read(tmp_path)
    write_lines(tmp_path / "train.tsv", ["a.wav\tgo"])
    assert CommonVoiceForm().find(tmp_path) is None
