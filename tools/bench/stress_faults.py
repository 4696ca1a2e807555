r"""Inflict faults on a training with two processes at random moments, and resume it.

The faults are a killed process, a stopped process and a full disk. After each fault, the training
must end within a minute with a status other than 0 and one sentence that names the process and the
cause, leave no process behind, and resume to the same weights, optimizer and metrics, bit for bit,
as a training without a fault.

    python tools/bench/stress_faults.py --dir /tmp/stress --rounds 10 -- \
        --config conf/u2pp_moe.yaml --train-dir data/dev --dev-dir data/dev \
        --dict-dir data/lang_char --cmvn data/train_sp/global_cmvn --num-threads 1 \
        --set train.max_epochs=4 --set train.save_every_steps=3

The options after `--` are those of `moeasr train`, except --exp-dir. The full disk is a small tmpfs
in --dir, which needs root.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import torch

from moeasr import checkpoint
from moeasr.bin import run
from moeasr.metrics_file import read_metrics
from moeasr.rank_watch import ranks_of

LIMIT_SEC = 60.0
"""Time within which a training must end after a fault."""
HANG_SEC = 600.0
"""Time after which a training without a fault counts as hanging."""
POLL_SEC = 0.02


class Fault(NamedTuple):
    """A fault, and the sentence that must follow."""

    inflict: Callable[[dict[int, int], int, Path], None]
    """Function of the process ids by rank, the rank concerned and the experiment directory."""
    sentence: str
    """Regular expression of the launcher's sentence, with `{rank}`."""
    needs_tmpfs: bool = False
    """True if the experiment directory must be on a small disk."""


def send(number: signal.Signals) -> Callable[[dict[int, int], int, Path], None]:
    """Return the fault of a process that receives a signal."""
    return lambda pids, rank, exp_dir: os.kill(pids[rank], number)


def fill(pids: dict[int, int], rank: int, exp_dir: Path) -> None:
    """Fill the disk of an experiment directory."""
    with suppress(OSError), open(exp_dir.parent / "ballast", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))


FAULTS = {
    "kill": Fault(send(signal.SIGKILL), r"process {rank} was killed by SIGKILL, and"),
    "stop": Fault(send(signal.SIGSTOP), r"process {rank} was stopped by a signal \(SIGSTOP\?\)"),
    "full": Fault(fill, r"process [01] failed, .*: No space left on device$", needs_tmpfs=True),
}


class Training:
    """A training with two processes in a directory of its own.

    Args:
        options: Options of `moeasr train` without `--exp-dir`.
        exp_dir: The experiment directory.
        log: The file for what the training prints, on a disk that does not become full.
    """

    def __init__(self, options: list[str], exp_dir: Path, log: Path) -> None:
        self.exp_dir = exp_dir
        self._log = log
        command = [sys.executable, "-m", "moeasr.bin.launch", "--standalone", "--nproc_per_node=2"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "-m", "moeasr.bin.train", *options, "--exp-dir", str(exp_dir)],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait(self, limit_sec: float) -> int | None:
        """Return the exit status; None if the training has not ended in time."""
        try:
            return self.process.wait(limit_sec)
        except subprocess.TimeoutExpired:
            return None

    def ranks(self) -> dict[int, int]:
        """Return the process ids of both ranks by rank, as soon as both exist."""
        while len(found := ranks_of(self.process.pid)) < 2 and self.process.poll() is None:
            time.sleep(POLL_SEC)
        return found

    def faults_of_end(self, sentence: str) -> list[str]:
        """Return what is wrong with the messages of a training that has ended.

        Args:
            sentence: Regular expression of the only sentence.
        """
        text = self._log.read_text(errors="replace")
        said = [line for line in text.splitlines() if re.match(r"(launch|train)\.py: ", line)]
        found = []
        if len(said) != 1 or not re.search(sentence, said[0]):
            found.append(f"sentences {said}, not one that matches '{sentence}'")
        if "Traceback" in text:
            found.append(f"a traceback in {self._log}")
        if left := self.processes_left():
            found.append(f"processes left behind: {left}")
        return found

    def processes_left(self) -> list[int]:
        """Return the processes of this training that still run, its loaders included."""
        mark, found = os.fsencode(self.exp_dir), []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if mark in path.read_bytes().split(b"\0") and int(path.parent.name) != os.getpid():
                    found.append(int(path.parent.name))
        return found

    def kill(self) -> None:
        """Kill whatever still runs."""
        for pid in self.processes_left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def place(work_dir: Path, size_mb: int | None) -> Iterator[Path]:
    """Yield an empty directory, on a tmpfs of a given size or on the disk of `work_dir`."""
    folder = work_dir / "round"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if size_mb is not None:
        options = ["-o", f"size={size_mb}m"]
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        if size_mb is not None:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def same(one: object, other: object) -> bool:
    """Return whether two values of a checkpoint are equal, bit for bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


def result_of(exp_dir: Path) -> dict[str, object]:
    """Return everything that a resumed training must share with one without a fault."""
    last = checkpoint.load(exp_dir / "last.pt")
    kinds = ("train", "dev", "experts")
    metrics = {kind: read_metrics(exp_dir, kind) for kind in kinds}
    shards = {path.name: path.read_bytes() for path in exp_dir.glob("last/*/*.distcp")}
    trainer = last["trainer"]
    trainer.pop("shards", None)  # the name of their directory may differ
    return {"model": last["model"], "trainer": trainer, "shards": shards, "metrics": metrics}


def play_round(
    fault: Fault,
    options: list[str],
    folder: Path,
    log: Path,
    delay_sec: float,
    rank: int,
    expected: object,
) -> tuple[float, list[str]] | None:
    """Start a training, inflict a fault after a delay, and resume the training.

    Args:
        fault: The fault.
        options: Options of `moeasr train` without `--exp-dir`.
        folder: An empty directory.
        log: The file for what the training prints until it ends by the fault.
        delay_sec: Time between the start of both processes and the fault.
        rank: The rank concerned.
        expected: `result_of` a training without a fault.

    Returns:
        The seconds until the training ended, and what was wrong; None if it ended before the fault.
    """
    training = Training(options, folder / "exp", log)
    try:
        pids = training.ranks()
        training.wait(delay_sec)
        if training.process.poll() is not None:
            return None
        start = time.monotonic()
        try:
            fault.inflict(pids, rank, training.exp_dir)
        except ProcessLookupError:  # it has ended this moment
            return None
        status = training.wait(LIMIT_SEC)
        seconds = time.monotonic() - start
        if status == 0:
            return None
        wrong = [f"no end within {LIMIT_SEC:g} s"] if status is None else []
        wrong += training.faults_of_end(fault.sentence.format(rank=rank))
    finally:
        training.kill()
    (folder / "ballast").unlink(missing_ok=True)
    resumed = Training(options, folder / "exp", log.with_suffix(".resumed.log"))
    try:
        if resumed.wait(HANG_SEC) != 0:
            wrong.append("it did not resume")
        elif not same(result_of(resumed.exp_dir), expected):
            wrong.append("the resumed training has another result")
    finally:
        resumed.kill()
    return seconds, wrong


def main(argv: list[str] | None = None) -> None:
    """Run all rounds, and exit with status 1 if one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, required=True, help="directory of the trainings")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--rounds", type=int, default=10, help="number of rounds of each fault")
    parser.add_argument("--seed", type=int, default=1, help="seed of moments and ranks")
    parser.add_argument("--tmpfs-mb", type=int, default=64, help="size of the disk to be filled")
    parser.add_argument("options", nargs="+", metavar="OPTION", help="options of moeasr train")
    args = parser.parse_args(argv)
    chance = random.Random(args.seed)
    shutil.rmtree(args.dir, ignore_errors=True)
    args.dir.mkdir(parents=True)
    reference = Training(args.options, args.dir / "reference", args.dir / "reference.log")
    try:
        reference.ranks()
        start = time.monotonic()
        if reference.wait(HANG_SEC) != 0:
            sys.exit(f"the training without a fault failed: see {args.dir}/reference.log")
        duration = time.monotonic() - start
    finally:
        reference.kill()
    expected = result_of(reference.exp_dir)
    print(f"without a fault: {duration:.1f} s", flush=True)
    files = [path for path in reference.exp_dir.rglob("*") if path.is_file()]
    needed_mb = -(-sum(path.stat().st_size for path in files) // 2**20)
    if "full" in args.faults and args.tmpfs_mb < 2 * needed_mb:
        # A new state is complete before the old one is removed.
        sys.exit(f"the experiment has {needed_mb} MB: --tmpfs-mb must be at least twice as much")
    num_wrong = 0
    for name in args.faults:
        fault, longest, done = FAULTS[name], 0.0, 0
        while done < args.rounds:
            delay_sec, rank = duration * chance.random(), chance.randrange(2)
            with place(args.dir, args.tmpfs_mb if fault.needs_tmpfs else None) as folder:
                log = args.dir / f"{name}_{done + 1}.log"
                played = play_round(fault, args.options, folder, log, delay_sec, rank, expected)
                if played is None:
                    continue
                seconds, wrong = played
                done, longest = done + 1, max(longest, seconds)
                num_wrong += bool(wrong)
                print(f"{name} rank {rank} after {delay_sec:.1f} s: {seconds:.1f} s", flush=True)
                for sentence in wrong:
                    print(f"  WRONG: {sentence}", flush=True)
        print(f"{name}: {args.rounds} rounds, ended after at most {longest:.1f} s", flush=True)
    sys.exit(f"rounds that went wrong: {num_wrong}" if num_wrong else 0)


if __name__ == "__main__":
    run(main)
