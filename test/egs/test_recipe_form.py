"""Properties that all recipes share, and the options of their run.sh."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from known_files import known_files

ROOT = Path(__file__).resolve().parents[2]
RECIPES = [path.parent for path in known_files("egs/*/run.sh")]
SCRIPTS = [*(recipe / "run.sh" for recipe in RECIPES), ROOT / "utils/new_recipe/run.sh"]
"""The run.sh of each recipe, and the one that utils/new_recipe.sh copies."""
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}  # no environment is active


def recipe_name(path: Path) -> str:
    return path.name


def test_recipes_are_found():
    assert {"mini", "an4"} <= {path.name for path in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_a_recipe_has_the_common_files(recipe):
    for name in ("run.sh", "path.sh", "cmd.sh", "conf", "local", "README.md", "utils"):
        assert (recipe / name).exists(), name
    assert os.readlink(recipe / "utils") == "../../utils"
    assert os.access(recipe / "run.sh", os.X_OK)


def test_every_run_sh_is_short_and_repeats_little_of_the_others():
    lines = {path: path.read_text().splitlines() for path in SCRIPTS}
    assert max(map(len, lines.values())) <= 80
    counts = [Counter(filter(None, text)) for text in lines.values()]
    assert max((one & other).total() for one, other in combinations(counts, 2)) <= 40


def described(text: str) -> dict[str, str]:
    """Return option -> default, for options that have a description."""
    found = re.findall(r"^([a-z_]+)=(.*?) +# \w", text, re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_help_needs_no_environment_and_works_in_every_directory(recipe, tmp_path):
    done = subprocess.run(
        [recipe / "run.sh", "--help"],
        cwd=tmp_path,
        env=BARE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    choices = (recipe / "run.sh").read_text().partition("\n. utils/recipe.sh")[0]
    shared = (ROOT / "utils/recipe.sh").read_text().partition("\n# Options")[2]
    shared = shared.partition("\n\n")[0]
    options = described(choices) | described(shared)
    assert options.keys() == set(re.findall("^([a-z_]+)=", choices + shared, re.MULTILINE))
    assert {"units", "test_sets", "stage", "dry_run", "train_config", "exp_dir"} <= options.keys()
    listed = re.findall(r"^  --([a-z_]+) (.*?) +# \w", done.stderr, re.MULTILINE)
    assert dict(listed) == options and len(listed) == len(options)
    assert (
        "Stages: 0 data, 1 features, 2 dictionary, 3 training, 4 decoding, 5 scoring, 6 export\n"
        in (done.stderr)
    )
    assert list(tmp_path.iterdir()) == []


def test_a_copy_without_utils_stops_with_one_line(tmp_path):
    (tmp_path / "run.sh").write_bytes((RECIPES[0] / "run.sh").read_bytes())
    done = subprocess.run(["bash", tmp_path / "run.sh"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "utils/recipe.sh: No such file" in done.stderr


REFUSED = {
    "--stages 1": "unknown option --stages",
    "--stage x": "--stage must be a whole number, but is 'x'",
    "--seed -1": "--ngpu and --seed must not be negative, but are 0 and -1",
    "--ngpu -1": "--ngpu and --seed must not be negative, but are -1 and 777",
    "--nj 0": "--nj must be at least 1, but is 0",
    "--nproc -2": "--nproc must be at least 1, but is -2",
    "--num-threads 0": "--num_threads must be at least 1, but is 0",
    "--average-num 0": "--average_num must be at least 1, but is 0",
    "--beam-size 00": "--beam_size must be a whole number, but is '00'",
    "--stage 08": "--stage must be a whole number, but is '08'",
    "--nnodes 2": "--nnodes 2 requires --rdzv-endpoint, the host:port of machine 0",
    "--nnodes 0": "--nnodes must be at least 1, but is 0",
    "--node-rank 1": "--node-rank must be from 0 to 0 for --nnodes 1, but is 1",
    "--rdzv-endpoint node1": "--rdzv-endpoint must be host:port, but is 'node1'",
    "--rdzv-wait 0": "--rdzv_wait must be at least 1, but is 0",
    "--nnodes 2 --rdzv-endpoint a:1 --node-rank 1 --stage 4": "machine 1 runs stage 3 only",
    "--stage 6": "of the stages 0 to 6, none is from --stage 6 to --stop-stage 5",
    "--stage 2 --stop-stage 1": "none is from --stage 2 to --stop-stage 1",
    "--dry-run yes": "--dry-run must be true or false, but is 'yes'",
    "--data-type tar": "--data-type must be feats, raw or shard, but is 'tar'",
    "--units bpe --dict-opts .": "such as --dict-opts '--vocab-size 500'",
    "--units letters": "--units must be char, bpe or word, but is 'letters'",
    "--decoding-chunk-size 8,16": "--decoding-chunk-size must be whole numbers, but is '8,16'",
    "--train-config conf/none.yaml": "--train-config conf/none.yaml: no such file",
}


@pytest.mark.parametrize("options", REFUSED)
@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_invalid_options_are_refused_before_the_first_stage(recipe, options):
    done = subprocess.run(
        [recipe / "run.sh", *options.split()], env=BARE, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert REFUSED[options] in done.stderr


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_name)
def test_path_sh_selects_the_active_environment_and_this_checkout(recipe, tmp_path):
    """This holds although another moeasr is first on PYTHONPATH and in the working directory."""
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


@pytest.mark.parametrize("recipe", [*RECIPES, ROOT / "utils/new_recipe"], ids=recipe_name)
def test_data_prep_has_the_same_options_in_all_recipes(recipe, local_module, capsys):
    with pytest.raises(SystemExit) as ended:
        local_module(recipe, "data_prep").main(["--help"])
    assert ended.value.code == 0
    usage = " ".join(capsys.readouterr().out.split())
    assert "--download-dir DIR --data-dir DIR [--unpack-dir DIR] [--nj N]" in usage
    assert "python3 local/data_prep.py --download-dir " in usage
