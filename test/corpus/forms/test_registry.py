"""The recognition of the form of a corpus."""

import logging

import pytest
from corpus_forms import FORM_TREES

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
    with pytest.raises(InputError, match="is not recognised; name it with --form .kaldi, lhotse"):
        find_form("auto", tmp_path)
    with pytest.raises(InputError, match="--form: 'ljspeach' is unknown; did you mean 'ljspeech'"):
        find_form("ljspeach", tmp_path)
