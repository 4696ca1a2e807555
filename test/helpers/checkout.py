"""A copy of one recipe in a checkout of links to the real one, and a network of a few weights."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = shutil.ignore_patterns(
    *("data", "downloads", "exp", "fbank", "shards", "dump", "__pycache__"),
)
# a shipped config, made tiny
TINY = {
    "model.encoder.num_blocks": 1,
    "model.encoder.d_model": 32,
    "model.encoder.feed_forward.hidden_units": 32,
    "model.encoder.macaron_feed_forward.hidden_units": 32,
    "model.decoder.num_blocks": 1,
    "model.decoder.num_reverse_blocks": 1,
    "model.decoder.feed_forward.hidden_units": 32,
    "train.max_epochs": 2,
    "train.log_every_steps": 1,
    "train.num_workers": 0,
    "train.writers": "jsonl",  # the pictures for TensorBoard take longer than the training
}


def train_options(settings: Mapping[str, object]) -> str:
    """Return a value of --train-opts."""
    return " ".join(f"--set {key}={value}" for key, value in settings.items())


class Checkout:
    """A directory with `egs/`, and links to the rest of the real checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "egs").mkdir(parents=True)
        for name in ("moeasr", "utils", "tools", "setup.py"):
            (root / name).symlink_to(ROOT / name)

    def copy(self, name: str) -> "Recipe":
        """Copy a recipe without the files that its runs have generated."""
        source, target = ROOT / "egs" / name, self.root / "egs" / name
        shutil.copytree(source, target, symlinks=True, ignore=MADE)
        return Recipe(self.root, name)


class Recipe:
    """A recipe of a checkout."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.dir = root / "egs" / name

    def run(self, *options: str) -> subprocess.CompletedProcess:
        """Run run.sh from another directory, without a terminal, on one thread."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            [self.dir / "run.sh", "--num-threads", "1", *options],
            cwd=self.root,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def results(self, experiment: str = "u2pp_moe") -> list[dict]:
        """The records of results.json."""
        return json.loads((self.dir / "exp" / experiment / "results.json").read_text())

    def ids(self, table: str | Path) -> set[str]:
        """The keys of a table."""
        return {line.split()[0] for line in (self.dir / table).read_text().splitlines()}
