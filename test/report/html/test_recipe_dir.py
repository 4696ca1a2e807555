"""The directory of the recipe of an experiment."""

from pathlib import Path

import pytest

from moeasr.report.html.recipe_dir import find_recipe_dir, working_in


def test_the_recorded_path_of_the_checkpoint_leads_to_the_recipe(tmp_path, monkeypatch):
    recipe, place = tmp_path / "egs" / "a", tmp_path / "disk" / "exp"
    (place / "part" / "x").mkdir(parents=True)
    recipe.mkdir(parents=True)
    (recipe / "exp").symlink_to(place)
    exp_dir, recorded = recipe / "exp" / "part" / "x", "exp/part/x/averaged.pt"
    assert find_recipe_dir(exp_dir, recorded) == recipe
    monkeypatch.chdir(tmp_path)
    assert find_recipe_dir(Path("egs/a/exp/part/x"), recorded) == Path("egs/a")
    monkeypatch.chdir(recipe)
    assert find_recipe_dir(Path("exp/part/x"), f"./{recorded}") == Path()


def test_an_experiment_that_was_moved_has_no_known_recipe(tmp_path):
    exp_dir = tmp_path / "exp" / "y"
    exp_dir.mkdir(parents=True)
    for recorded in ("exp/x/averaged.pt", str(exp_dir / "averaged.pt"), None):
        assert find_recipe_dir(exp_dir, recorded) is None


def test_the_working_directory_comes_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="wrong"), working_in(Path("a")):
        assert Path.cwd() == tmp_path / "a"
        raise ValueError("wrong")
    assert Path.cwd() == tmp_path
    with working_in(None):
        assert Path.cwd() == tmp_path
