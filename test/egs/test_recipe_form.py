"""What every recipe has in common, and the shell scripts' lint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(path.parent for path in (ROOT / "egs").glob("*/run.sh"))
OPTIONS = (
    *("stage", "stop_stage", "nj", "ngpu", "download_dir", "train_config", "exp_dir"),
    *("average_num", "decode_modes", "decoding_chunk_size", "seed", "num_threads"),
    "data_type",
)
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}  # no environment is active


def recipe_name(path: Path) -> str:
    return path.name


def test_recipes_are_found():
    assert {"mini", "an4"} <= {path.name for path in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_recipe_has_its_parts(recipe):
    for name in ("run.sh", "path.sh", "cmd.sh", "conf", "local", "README.md", "utils"):
        assert (recipe / name).exists(), name
    assert os.readlink(recipe / "utils") == "../../utils"
    assert os.access(recipe / "run.sh", os.X_OK)
    assert len((recipe / "run.sh").read_text().splitlines()) <= 150


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_help_answers_without_an_environment_from_anywhere(recipe, tmp_path):
    done = subprocess.run(
        [recipe / "run.sh", "--help"],
        cwd=tmp_path,
        env=BARE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stderr.splitlines() if line.startswith("  --")}
    assert {f"--{option}" for option in OPTIONS} <= listed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_unknown_option_is_refused_at_once(recipe):
    done = subprocess.run(
        [recipe / "run.sh", "--stages", "1"], env=BARE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "invalid option --stages" in done.stderr


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_stage_that_is_no_number_is_refused(recipe):
    done = subprocess.run(
        [recipe / "run.sh", "--stage", "x"], env=BARE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "--stage must be a whole number, but is 'x'" in done.stderr


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_data_type_that_does_not_exist_is_refused(recipe):
    done = subprocess.run(
        [recipe / "run.sh", "--data-type", "tar"], env=BARE, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "--data-type must be feats, raw or shard, but is 'tar'" in done.stderr


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_path_sh_takes_the_active_environment_and_this_checkout(recipe, tmp_path):
    """Another checkout's moeasr, first on PYTHONPATH and in the working directory, is not taken."""
    (tmp_path / "moeasr").mkdir()
    (tmp_path / "moeasr" / "__init__.py").write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    report = "import moeasr, os; print(moeasr.__file__, os.environ['LC_ALL'])"
    script = f'set -eu; . "{recipe}/path.sh"; command -v python3; cd /; python3 -c "{report}"'
    env = {**BARE, "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    python, facts = done.stdout.splitlines()
    assert python == f"{tmp_path}/bin/python3"
    assert facts == f"{ROOT}/moeasr/__init__.py C"
