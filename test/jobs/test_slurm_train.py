"""utils/slurm_train.sh in a real Slurm: a training is pre-empted, starts again and finishes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from checkout import TINY, Checkout, train_options

from moeasr import checkpoint

pytestmark = pytest.mark.slow
WAIT_SEC = 400
NUM_UTTS = "--num-train 20 --num-dev 4 --num-test 4"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A copy of egs/mini with few utterances, after stage 2."""
    recipe = Checkout(tmp_path_factory.mktemp("checkout") / "root").copy("mini")
    done = recipe.run("--stop-stage", "2", "--corpus-opts", NUM_UTTS)
    assert done.returncode == 0, done.stdout + done.stderr
    return recipe


class Cluster:
    """Calls of Slurm's programs in a recipe."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        self._environment = {**os.environ, **environment, "PATH": path, "OMP_NUM_THREADS": "1"}
        self.directory = directory

    def call(self, *command: str) -> str:
        """Return the output of a program."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def train(self, exp_dir: str, *options: str) -> str:
        """Submit a training on two machines, and return the id of the job."""
        own = ["--nodes=2", "--parsable", f"--output={exp_dir}.out", "utils/slurm_train.sh"]
        train_opts = train_options({**TINY, "train.max_epochs": 3})
        run_sh = ["--num-threads", "1", "--train-opts", train_opts, "--exp-dir", exp_dir]
        return self.call("sbatch", *own, *run_sh, *options).strip()

    def state(self, job: str) -> str:
        """Return the state of a job; "" after Slurm has forgotten it."""
        command = ["squeue", "--noheader", "--state=all", "--format=%i %T"]
        lines = [line.split() for line in self.call(*command).splitlines()]
        return dict(lines).get(job, "")

    def output(self, exp_dir: str) -> str:
        """Return what the batch script of a training has printed."""
        path = self.directory / f"{exp_dir}.out"
        return path.read_text(errors="replace") if path.exists() else ""


def wait_until(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + WAIT_SEC
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.2)


def test_a_training_that_is_pre_empted_resumes_and_gives_the_same_weights(recipe, slurm):
    cluster = Cluster(slurm, recipe.dir)
    log = recipe.dir / "exp/stopped/train.log"

    def explain() -> str:
        return cluster.output("exp/stopped") + (log.read_text() if log.exists() else "no log")

    (recipe.dir / "exp").mkdir()
    job = cluster.train("exp/stopped")
    wait_until(lambda: log.exists() and "epoch 1 of 3" in log.read_text(), explain)
    other = cluster.call("sbatch", "--parsable", "-phigh", "-N1", "--output=o", "--wrap=true")
    wait_until(lambda: "starting the job again" in cluster.output("exp/stopped"), explain)
    assert "stopped by SIGTERM at step" in log.read_text()
    wait_until(lambda: cluster.state(job) in ("COMPLETED", ""), explain)
    assert cluster.state(other.strip()) in ("COMPLETED", "")
    assert "resuming at epoch" in log.read_text() and "training finished" in log.read_text()

    done = recipe.run(
        *("--stage", "3", "--stop-stage", "3", "--nproc", "2", "--exp-dir", "exp/whole"),
        *("--train-opts", train_options({**TINY, "train.max_epochs": 3})),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stopped, whole = (
        checkpoint.load(recipe.dir / "exp" / name / "last.pt")["model"]
        for name in ("stopped", "whole")
    )
    assert all(torch.equal(weights, whole[name]) for name, weights in stopped.items())


def test_a_training_that_is_cancelled_does_not_start_again(recipe, slurm):
    cluster = Cluster(slurm, recipe.dir)
    job = cluster.train(
        "exp/cancelled", "--train-opts", train_options({**TINY, "train.max_epochs": 900})
    )
    log = recipe.dir / "exp/cancelled/train.log"
    wait_until(
        lambda: log.exists() and "epoch 1 of 900" in log.read_text(),
        lambda: cluster.output("exp/cancelled"),
    )
    cluster.call("scancel", job)
    wait_until(
        lambda: cluster.state(job) in ("CANCELLED", ""), lambda: cluster.output("exp/cancelled")
    )
    assert "stopped by SIGTERM at step" in log.read_text()
    assert "starting the job again" not in cluster.output("exp/cancelled")


def test_a_call_without_slurm_is_one_sentence(recipe):
    environment = {name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"}
    script = recipe.dir / "utils/slurm_train.sh"
    done = subprocess.run([script], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "submit it in the directory of a recipe: sbatch" in done.stderr
