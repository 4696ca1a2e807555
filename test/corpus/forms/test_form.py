"""A form of a user's own, named by its import path."""

import pytest
from corpus_forms import write_clip
from made_up import write_lines

from moeasr.corpus.forms.corpus_sets import CorpusOptions, read_sets
from moeasr.corpus.forms.form import Form
from moeasr.errors import InputError

MY_FORM = """
from moeasr.corpus.forms.form import Form, Item


class MyForm(Form):
    def find(self, root):
        return "prompts"

    def read(self, root):
        lines = (root / "prompts").read_text().splitlines()
        return {"all": [self.item(root, *line.split(maxsplit=2)) for line in lines]}

    def item(self, root, name, speaker, text):
        audio = root / f"{name}.wav"
        return Item(name=name, speaker=speaker, text=text, audio=audio, where="prompts")
"""


def test_a_form_in_a_file_of_the_recipe_is_split_like_others(tmp_path, monkeypatch):
    (tmp_path / "my_own_form.py").write_text(MY_FORM)
    monkeypatch.syspath_prepend(str(tmp_path))
    write_lines(tmp_path / "c/prompts", [f"u{n} s{n} go  home" for n in range(3)])
    for number in range(3):
        write_clip(tmp_path / f"c/u{number}.wav")
    sets = read_sets(tmp_path / "c", CorpusOptions(form="my_own_form.MyForm"))
    ids = sorted(utt.utt_id for utterances in sets.values() for utt in utterances)
    assert ids == ["s0-u0", "s1-u1", "s2-u2"]
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [1, 1, 1]
    assert sets["dev"][0].text == "go home"


def test_a_form_must_be_one(tmp_path):
    with pytest.raises(InputError, match="'pathlib.Path' must be a .*Form, but is not"):
        read_sets(tmp_path, CorpusOptions(form="pathlib.Path"))


def test_a_form_must_define_both_methods():
    with pytest.raises(TypeError, match="abstract"):
        Form()
