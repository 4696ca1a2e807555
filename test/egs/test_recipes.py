"""Every recipe from stage 0 to 5, on a synthetic corpus in the layout of its real one.

egs/mini synthesises its own corpus and has its own test.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from checkout import ROOT, TINY, Checkout, Recipe, train_options
from known_files import known_files
from made_up import TREES, folder

RECIPES = [path.parent.name for path in known_files("egs/*/run.sh")]
OPTIONS = {
    "speechocean762": ["--data-type", "raw"],
    "aishell": ["--data-type", "shard"],
    "librispeech": [
        *("--train-parts", "train-clean-100", "--dev-parts", "dev-clean"),
        *("--dict-opts", "--vocab-size 30", "--test-sets", "test_clean dev"),
    ],
}
"""Options with which a recipe runs on its synthetic corpus; two recipes read audio in training."""
PARTS = {"mix": ("an4", "speechocean762", "fsdd", "aishell")}
"""Recipes that another recipe needs beside it."""
LIBRISPEECH = {"train": "train-clean-100", "dev": "dev-clean", "test_clean": "test-clean"}
"""The part of the corpus from which each set is taken."""
TEST_SETS = {
    "librispeech": {"test_clean", "dev"},
    "mix": {f"test_{part}" for part in PARTS["mix"]},
}


QUICK = (
    *("--nj", "1", "--average-num", "1", "--decode-modes", "attention_rescoring"),
    *("--train-opts", train_options({**TINY, "train.max_epochs": 1})),
)


class Run(NamedTuple):
    """A recipe and the result of its run."""

    recipe: Recipe
    done: subprocess.CompletedProcess


def run_recipe(name: str, root: Path) -> Run:
    """Run a recipe on its synthetic corpus."""
    checkout = Checkout(root)
    for part in PARTS.get(name, ()):
        checkout.copy(part)
    recipe = checkout.copy(name)
    TREES[name](root / "corpus")
    options = ["--download-dir", str(root / "corpus"), *QUICK, *OPTIONS.get(name, [])]
    return Run(recipe, recipe.run(*options))


def run_readme(root: Path) -> Run:
    """Run the commands of README.md for a new corpus, with options that make run.sh fast."""
    checkout = Checkout(root)
    checkout.copy("an4")
    folder(root)
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own corpus")[2]
    lines = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    lines = lines.replace("./run.sh", shlex.join(["./run.sh", "--num-threads", "1", *QUICK]))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", lines],
        cwd=root,
        env={**os.environ, "PATH": path, "HOME": str(root), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(Recipe(root, "mycorpus"), done)


class Runs(dict[str, Run]):
    """The runs of all recipes and of the one in README.md; each runs when a test first needs it."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def __missing__(self, name: str) -> Run:
        root = self.root / name
        self[name] = run_readme(root) if name == "mycorpus" else run_recipe(name, root)
        return self[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("recipes"))


def test_every_recipe_has_a_synthetic_corpus():
    assert {*TREES, "mini"} == set(RECIPES)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TREES, "mycorpus"])
def test_all_stages_run_and_write_results(runs, name):
    recipe, done = runs[name]
    assert done.returncode == 0, done.stdout + done.stderr
    records = recipe.results()
    sets = TEST_SETS.get(name, {"test"})
    assert {(record["set"], record["mode"]) for record in records} == {
        (test_set, "attention_rescoring") for test_set in sets
    }
    for record in records:
        assert record["num_utts"] == len(recipe.ids(f"data/{record['set']}/text"))
        assert record["wer"] >= 0 and record["rtf"] > 0
        assert record["active_params"] < record["total_params"]
    assert recipe.ids("data/train_sp/utt2num_frames") == recipe.ids("data/train_sp/text")
    assert len(recipe.ids("data/train_sp/text")) == 3 * len(recipe.ids("data/train/text"))


@pytest.mark.slow
def test_the_commands_of_the_readme_end_with_results(runs):
    recipe, done = runs["mycorpus"]
    page = (recipe.dir / "exp/u2pp_moe/RESULTS.md").read_text()
    assert page.partition("## How these numbers were made")[0].rstrip() in done.stdout


@pytest.mark.slow
def test_librispeech_uses_the_chosen_parts(runs):
    recipe, _ = runs["librispeech"]
    for name, part in LIBRISPEECH.items():
        lines = (recipe.dir / "data" / name / "wav.scp").read_text().splitlines()
        assert {Path(line).parts[-4] for line in lines} == {part}


@pytest.mark.slow
def test_mix_has_the_language_and_the_corpus_of_each_utterance(runs):
    recipe, _ = runs["mix"]
    for table, number in (("utt2lang", 2), ("utt2dom", 4)):
        pairs = dict(
            line.split() for line in (recipe.dir / "data/train" / table).read_text().splitlines()
        )
        assert set(pairs) == recipe.ids("data/train/text")
        assert len(set(pairs.values())) == number
    assert all(pairs[utterance] == utterance.split("-")[0] for utterance in pairs)
