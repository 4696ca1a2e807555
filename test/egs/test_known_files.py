"""`known_files`, the files in git, or all files where there is no git repository."""

import subprocess
from pathlib import Path

import pytest
from known_files import known_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Create a checkout with recipes of ours and a recipe of a user."""
    files = ("setup.py", "egs/an4/run.sh", "egs/an4/local/a b.py", "egs/mine/run.sh")
    for name in (*files, "egs/gone/run.sh", "tools/venv/lib/x.py", ".ci/run"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "egs/an4/link.py").symlink_to("local/a b.py")
    return tmp_path


def names(root: Path, *patterns: str) -> list[str]:
    return [str(path.relative_to(root)) for path in known_files(*patterns, root=root)]


def test_without_git_all_files_are_known(tree):
    runs = ["egs/an4/run.sh", "egs/gone/run.sh", "egs/mine/run.sh"]
    assert names(tree, "egs/*/run.sh") == runs
    assert names(tree, "**/*.py", ".ci/*") == [".ci/run", "egs/an4/local/a b.py", "setup.py"]


def test_with_git_a_recipe_of_the_user_is_ignored(tree):
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", tree, *arguments], check=True, capture_output=True)

    git("init")
    assert "egs/mine/run.sh" in names(tree, "**/*.sh")  # a tree inside another repository
    git("add", "setup.py", "egs/an4", "egs/gone", ".ci")
    (tree / "egs/gone/run.sh").unlink()
    assert names(tree, "egs/*/run.sh") == ["egs/an4/run.sh"]
    assert names(tree, "**/*.py", ".ci/*") == [".ci/run", "egs/an4/local/a b.py", "setup.py"]
