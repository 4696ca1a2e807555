"""One experiment as a run of `run.sh`: its command, its log, and whether it is done.

The directory of the experiment holds a file `command` with the command as a user can type it. The
file is written when the run begins, and `run.sh` writes `results.json` last. These two files show
whether the experiment is up to date when the same comparison is started again.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moeasr.compare.system_list import Experiment
from moeasr.config_bases import load_chain
from moeasr.errors import InputError

TRAINING, SCORING = 3, 5
"""The first and the last stage of `run.sh` in an experiment."""


@dataclass(frozen=True, kw_only=True)
class RecipeRun:
    """An experiment with the arguments that `run.sh` receives for it."""

    experiment: Experiment
    exp_dir: str
    """The directory of all experiments."""
    train_words: tuple[str, ...]
    """Arguments in `--train-opts` that are common to all experiments."""
    run_words: tuple[str, ...]
    """Further arguments of `run.sh`."""

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.experiment.name

    @property
    def directory(self) -> Path:
        """The directory of the experiment."""
        return Path(self.exp_dir, self.name)

    @property
    def log(self) -> Path:
        """The file that receives the output of `run.sh`."""
        return self.directory / "log" / "run.log"

    @property
    def command_file(self) -> Path:
        """The file that holds the command of this run, as a user can type it."""
        return self.directory / "command"

    def call(self, stage: int = TRAINING, stop_stage: int = SCORING) -> list[str]:
        """Return the argument list that runs `run.sh` from stage `stage` to stage `stop_stage`."""
        sets = [word for text in self.experiment.overrides for word in ("--set", text)]
        return [
            *("./run.sh", "--stage", str(stage), "--stop-stage", str(stop_stage)),
            *("--train-config", self.experiment.config, "--seed", str(self.experiment.seed)),
            *("--exp-dir", f"{self.exp_dir}/{self.name}"),
            *("--train-opts", " ".join([*self.train_words, *sets]), *self.run_words),
        ]

    def is_done(self) -> bool:
        """Return whether a run with exactly this command has finished.

        The experiment must run again if a file that it reads was written after its last run
        began: its config, a base of the config, or a file of another experiment that it needs.
        """
        try:
            configs = [file.path for file in load_chain(self.experiment.config)]
            begun = self.command_file.stat().st_mtime_ns
            recorded = self.command_file.read_text(encoding="utf-8", errors="replace").rstrip("\n")
        except (OSError, InputError):
            return False
        sources = [*configs, *(need.file for need in self.experiment.needs)]
        return (
            recorded == typed(self.call())
            and not any(_is_newer(source, begun) for source in sources)
            and _is_newer(self.directory / "results.json", begun)
        )

    def missing_file(self) -> str | None:
        """Return the first missing file among those of other experiments that are needed."""
        files = (need.file for need in self.experiment.needs)
        return next((file for file in files if not Path(file).exists()), None)

    def begin(self) -> None:
        """Store the command in its file, to show that the run has begun."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.command_file.write_text(typed(self.call()) + "\n", encoding="utf-8")


def typed(words: Sequence[str]) -> str:
    """Return a command as a user types it, with quotes where a shell needs them.

    >>> typed(["./run.sh", "--decode-modes", "attention joint_decoding"])
    './run.sh --decode-modes "attention joint_decoding"'
    """
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """Quote an argument for a shell, in double quotes where that is enough."""
    if re.search(r'["$`\\!]', word):
        return shlex.quote(word)
    return word if shlex.quote(word) == word else f'"{word}"'


def _is_newer(file: str | Path, time_ns: int) -> bool:
    """Return whether a file exists and was written after a time."""
    try:
        return Path(file).stat().st_mtime_ns > time_ns
    except OSError:
        return False
