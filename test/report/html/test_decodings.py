"""The decoded modes of an experiment, and the one that a report analyses."""

from pathlib import Path

import pytest
from scored_modes import make_mode

from moeasr.errors import InputError
from moeasr.report.html.decodings import find_decodings


def test_the_best_mode_of_the_set_is_chosen(tmp_path):
    make_mode(tmp_path / "exp", "decode_test/a", wer=5.0)
    make_mode(tmp_path / "exp", "decode_test/b", wer=4.0)
    (tmp_path / "test").mkdir()
    found = find_decodings(tmp_path / "exp", tmp_path / "test")
    assert len(found.records) == 2 and found.note is None
    assert found.best["dir"] == "decode_test/b"
    assert found.mode_dir == tmp_path / "exp" / "decode_test" / "b"
    assert found.data_dir == tmp_path / "test"


def test_the_data_directory_is_that_of_the_decoding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_mode(tmp_path / "exp", "decode_test/a", data_dir="data/own")
    message = "^the data directory data/own of .* does not exist; run this command in the directory"
    with pytest.raises(InputError, match=message):
        find_decodings(tmp_path / "exp", None)
    with pytest.raises(InputError, match="^data directory data/none does not exist$"):
        find_decodings(tmp_path / "exp", "data/none")
    (tmp_path / "data" / "own").mkdir(parents=True)
    found = find_decodings(tmp_path / "exp", None)
    assert found.data_dir == found.set_dir == Path("data/own")


def test_the_model_may_run_on_another_set_than_the_errors_are_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_mode(tmp_path / "exp", "decode_test/a", data_dir="data/test")
    for name in ("test", "few"):
        (tmp_path / "data" / name).mkdir(parents=True)
    found = find_decodings(tmp_path / "exp", "data/few")
    assert found.best["set"] == "test" and found.set_dir == Path("data/test")
    assert found.data_dir == Path("data/few")


def test_an_experiment_of_another_recipe_has_its_data_there(tmp_path, monkeypatch):
    for recipe in ("a", "b"):
        (tmp_path / recipe / "data" / "test").mkdir(parents=True)
    checkpoint = "exp/x/averaged.pt"
    make_mode(tmp_path / "b/exp/x", "decode_test/m", data_dir="data/test", checkpoint=checkpoint)
    monkeypatch.chdir(tmp_path / "a")
    exp_dir, data_dir = Path("../b/exp/x"), Path("../b/data/test")
    for given in (None, data_dir):
        found = find_decodings(exp_dir, given)
        assert found.data_dir == found.set_dir == data_dir and found.working_dir == Path("../b")
    found = find_decodings(exp_dir, "data/test")  # the name of its test set, but another one
    assert found.data_dir == Path("data/test") and found.working_dir is None
    assert found.set_dir == data_dir
    monkeypatch.chdir(tmp_path / "b")
    found = find_decodings(Path("exp/x"), None)
    assert found.data_dir == Path("data/test") and found.working_dir is None


def test_an_experiment_without_decodings_gets_a_sentence(tmp_path):
    found = find_decodings(tmp_path, None)
    assert (found.records, found.best, found.data_dir) == ([], None, None)
    assert found.note == f"{tmp_path} has no scored decoding; run stages 4 and 5 of its recipe."
