"""The working directory of the tests: a recipe whose run.sh only records how it was called."""

from pathlib import Path

import pytest
from noting_recipe import make_recipe


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the recipe, a directory whose name has a space."""
    path = make_recipe(tmp_path / "a recipe")
    monkeypatch.chdir(path)
    return path
