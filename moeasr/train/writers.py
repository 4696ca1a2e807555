"""Writers, which record the metrics and pictures of a training while it runs.

`train.writers` of the config lists writers by name (`WRITERS`) or by the import path of a subclass
of `Writer`. A writer for Weights & Biases takes ten lines:

    class WandbWriter(Writer):
        def __init__(self, exp_dir, resume_step):
            self._run = wandb.init(dir=exp_dir, id=exp_dir.name, resume="allow")

        def write(self, kind, step, values):
            self._run.log({f"{kind}/{name}": value for name, value in values.items()}, step=step)

        def draw(self, name, step, figure):
            self._run.log({name: wandb.Image(figure)}, step=step)

        def close(self):
            self._run.finish()
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moeasr import metrics_file
from moeasr.errors import InputError, not_defined
from moeasr.families import look_up
from moeasr.logs import get_logger
from moeasr.strict_json import to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = get_logger(__name__)


class Writer:
    """The base class of writers; only the first process of a training has them.

    Args:
        exp_dir: The directory of the experiment. It holds `config.yaml`.
        resume_step: The step at which a resumed training continues; 0 for a new training. Records
            of later steps that an earlier run wrote are about to be written again.
    """

    def __init__(self, exp_dir: Path, resume_step: int) -> None:
        raise not_defined(type(self), "__init__")

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Record metrics.

        Args:
            kind: "train", "dev" or "experts".
            step: The optimizer step.
            values: The metrics by name.
        """
        raise not_defined(type(self), "write")

    def draw(self, name: str, step: int, figure: "Figure") -> None:
        """Record a picture. By default it is ignored.

        Args:
            name: The name of the picture, such as "attention/utterance_1".
            step: The optimizer step.
            figure: The picture.
        """

    def close(self) -> None:
        """Write the records that are still in memory, and close files and connections."""


class JsonLinesWriter(Writer):
    """A writer of `metrics.jsonl`, from which `images/` and the curve in `RESULTS.md` are made."""

    def __init__(self, exp_dir: Path, resume_step: int) -> None:
        exp_dir.mkdir(parents=True, exist_ok=True)
        path = exp_dir / metrics_file.NAME
        metrics_file.drop_after(path, resume_step)
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Append a line to `metrics.jsonl`, see `Writer.write`."""
        record = {"kind": kind, "step": step, **{k: float(v) for k, v in values.items()}}
        self._file.write(to_json(record) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close `metrics.jsonl`."""
        self._file.close()


class TensorBoardWriter(Writer):
    """A writer of event files for TensorBoard in `tensorboard/`."""

    def __init__(self, exp_dir: Path, resume_step: int) -> None:
        # Imported here because it takes a second, which `--help` and other processes do not need.
        from torch.utils.tensorboard import SummaryWriter

        # TensorBoard writes in a thread, and raises an error of the thread with the next record.
        self._excepthook, threading.excepthook = threading.excepthook, _without_os_errors
        self._board = SummaryWriter(
            str(exp_dir / "tensorboard"), purge_step=resume_step + 1 if resume_step else None
        )

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Record each metric as a curve in TensorBoard, see `Writer.write`."""
        for name, value in values.items():
            self._board.add_scalar(f"{kind}/{name}", float(value), step)

    def draw(self, name: str, step: int, figure: "Figure") -> None:
        """Record a picture in TensorBoard, see `Writer.draw`."""
        self._board.add_figure(name, figure, step, close=False)

    def close(self) -> None:
        """Write the records that are still in memory, and close the event file."""
        try:
            self._board.close()
        finally:
            threading.excepthook = self._excepthook


def _name_directory(exp_dir: Path, error: Exception) -> None:
    """Add the directory of an experiment to the error of a writer that names no file."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = str(exp_dir)


def _without_os_errors(failure: "threading.ExceptHookArgs") -> None:
    """Print the traceback of a thread that failed, unless a file could not be written."""
    if not isinstance(failure.exc_value, OSError):
        threading.__excepthook__(failure)


WRITERS: dict[str, type[Writer]] = {"jsonl": JsonLinesWriter, "tensorboard": TensorBoardWriter}


def find_writers(names: Sequence[str]) -> dict[str, type[Writer]]:
    """Return the writer classes of the names and import paths in `train.writers`.

    Raises:
        InputError: A name is unknown, or an import path does not lead to a subclass of `Writer`.
    """
    try:
        return {name: look_up(WRITERS, name, Writer) for name in names}
    except InputError as error:
        raise InputError(f"`train.writers`: {error}") from None


class Writers:
    """All writers of a training.

    A writer from outside the package that fails, for example because its server cannot be reached,
    is dropped with a warning: it must not end a training. Errors of the built-in writers do.

    Args:
        kinds: The classes, by their names in the config. Empty in all processes but the first.
        exp_dir: The directory of the experiment.
        resume_step: The step at which a resumed training continues, see `Writer`.

    Raises:
        InputError: A writer from outside the package cannot be created.
    """

    def __init__(self, kinds: Mapping[str, type[Writer]], exp_dir: Path, resume_step: int) -> None:
        self._exp_dir = exp_dir
        self._writers: dict[str, Writer] = {}
        for name, kind in kinds.items():
            try:
                self._writers[name] = kind(exp_dir, resume_step)
            except Exception as error:
                if name in WRITERS:
                    _name_directory(exp_dir, error)
                    raise
                reason = f"{type(error).__name__}: {error}"
                raise InputError(f"`train.writers`: '{name}' cannot start: {reason}") from error

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Let every writer record metrics, see `Writer.write`."""
        self._each("write", kind, step, values)

    def draw(self, name: str, step: int, figure: "Figure") -> None:
        """Let every writer record a picture, see `Writer.draw`."""
        self._each("draw", name, step, figure)

    @property
    def take_pictures(self) -> bool:
        """True if a writer records pictures."""
        return any(type(writer).draw is not Writer.draw for writer in self._writers.values())

    def close(self) -> None:
        """Close every writer."""
        self._each("close")

    def _each(self, method: str, *arguments: object) -> None:
        for name, writer in list(self._writers.items()):
            try:
                getattr(writer, method)(*arguments)
            except Exception as error:  # a writer of someone else may raise anything
                if name in WRITERS:
                    _name_directory(self._exp_dir, error)
                    raise
                reason = f"{type(error).__name__}: {error}"
                logger.warning("writer '%s' failed and is no longer used: %s", name, reason)
                del self._writers[name]
