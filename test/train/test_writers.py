"""Writers of metrics: the built-in ones, ones from outside the package, and resumed runs."""

import errno
import json
import threading
import time

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from moeasr import metrics_file
from moeasr.errors import InputError
from moeasr.train.writers import WRITERS, Writer, Writers, find_writers


class Notes(Writer):
    """A writer from outside the package. It fails at step 3."""

    seen: list = []

    def __init__(self, exp_dir, resume_step):
        self.seen.append(("start", exp_dir.name, resume_step))

    def write(self, kind, step, values):
        if step == 3:
            raise ConnectionError("no server")
        self.seen.append((kind, step, dict(values)))


class Failing(Notes):
    """A writer that cannot start."""

    def __init__(self, exp_dir, resume_step):
        raise ConnectionError("no server")


def write_losses(exp_dir, steps, resume_step=0, kinds=WRITERS):
    writers = Writers(kinds, exp_dir, resume_step)
    for step in steps:
        writers.write("train", step, {"loss": 10.0 * step})
    writers.close()


def losses(exp_dir):
    lines = (exp_dir / "metrics.jsonl").read_text().splitlines()
    return [(line["step"], line["loss"]) for line in map(json.loads, lines)]


def scalars(exp_dir):
    board = EventAccumulator(str(exp_dir / "tensorboard")).Reload()
    return [(event.step, event.value) for event in board.Scalars("train/loss")]


def test_metrics_go_to_jsonl_and_tensorboard(tmp_path):
    write_losses(tmp_path, [5])
    expected = '{"kind": "train", "step": 5, "loss": 50.0}\n'
    assert (tmp_path / "metrics.jsonl").read_text() == expected
    assert scalars(tmp_path) == [(5, 50.0)]


def test_a_resumed_run_shows_each_step_once(tmp_path):
    write_losses(tmp_path, [1, 2, 3])
    (events,) = (tmp_path / "tensorboard").iterdir()
    events.rename(events.with_name("events.out.tfevents.0"))  # files are read in order of names
    write_losses(tmp_path, [3, 4], resume_step=2)
    assert losses(tmp_path) == scalars(tmp_path) == [(1, 10), (2, 20), (3, 30), (4, 40)]


def test_pictures_go_to_tensorboard(tmp_path):
    figures = pytest.importorskip("matplotlib.figure")
    writers = Writers(WRITERS, tmp_path, 0)
    writers.draw("attention/u1", 7, figures.Figure(figsize=(1, 1)))
    writers.close()
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in board.Images("attention/u1")] == [7]


class ShortOfSpace:
    """The event file of TensorBoard on a full disk."""

    def __init__(self, *arguments):
        pass

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self):
        pass

    close = flush


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_an_error_without_the_traceback_of_a_thread(
    tmp_path, monkeypatch, capfd, name
):
    hook = threading.excepthook
    monkeypatch.setattr(event_file_writer, "RecordWriter", ShortOfSpace)
    (tmp_path / metrics_file.NAME).symlink_to("/dev/full")
    monkeypatch.setattr(metrics_file, "drop_after", lambda path, step: None)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path}'"):
        writers = Writers({name: WRITERS[name]}, tmp_path, 0)
        for step in range(100):
            writers.write("train", step, {"loss": 1.0})
            time.sleep(0.02)  # for the thread
    assert "Traceback" not in capfd.readouterr().err
    threading.excepthook = hook


def test_a_process_without_writers_writes_nothing(tmp_path):
    write_losses(tmp_path, [1], kinds={})
    assert not list(tmp_path.iterdir())


def test_a_writer_from_outside_is_named_by_its_import_path_and_dropped_when_it_fails(
    tmp_path, caplog
):
    Notes.seen.clear()
    kinds = find_writers(["jsonl", f"{__name__}.Notes"])
    write_losses(tmp_path, [2, 3, 4], resume_step=1, kinds=kinds)
    assert Notes.seen == [("start", tmp_path.name, 1), ("train", 2, {"loss": 20.0})]
    assert losses(tmp_path) == [(2, 20), (3, 30), (4, 40)]
    (message,) = caplog.messages
    assert "Notes' failed and is no longer used: ConnectionError: no server" in message


def test_pictures_are_taken_if_one_of_the_writers_draws_them(tmp_path):
    for name, takes in (("jsonl", False), ("tensorboard", True)):
        writers = Writers({name: WRITERS[name]}, tmp_path, 0)
        assert writers.take_pictures == takes
        writers.close()
    assert not Writers({}, tmp_path, 0).take_pictures


def test_unusable_writers_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"`train.writers`: 'json' .* did you mean 'jsonl'"):
        find_writers(["json"])
    with pytest.raises(InputError, match=r"`train.writers`: 'json.dumps' must be a .*Writer"):
        find_writers(["json.dumps"])
    with pytest.raises(InputError, match=r"Failing' cannot start: ConnectionError: no server"):
        Writers(find_writers([f"{__name__}.Failing"]), tmp_path, 0)
