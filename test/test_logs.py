"""Metric files and progress."""

import json
import logging

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from moeasr import bars
from moeasr.logs import MetricWriter, progress, setup_logging


def read(tmp_path):
    return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]


def test_metrics_go_to_jsonl_and_tensorboard(tmp_path):
    writer = MetricWriter(tmp_path)
    writer.write("train", 5, {"loss": 1.5})
    writer.close()
    assert read(tmp_path) == [{"kind": "train", "step": 5, "loss": 1.5}]
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_a_resumed_run_drops_what_it_is_about_to_write_again(tmp_path):
    writer = MetricWriter(tmp_path)
    for step in (1, 2, 3):
        writer.write("train", step, {"loss": step})
    writer.close()
    with open(tmp_path / "metrics.jsonl", "a") as handle:
        handle.write('{"kind": "train", "st')  # killed while writing
    MetricWriter(tmp_path, resume_step=2).close()
    assert [record["step"] for record in read(tmp_path)] == [1, 2]


def test_tensorboard_shows_the_steps_of_a_resumed_run_once(tmp_path):
    writer = MetricWriter(tmp_path)
    for step in (1, 2, 3):
        writer.write("train", step, {"loss": step})
    writer.close()
    (events,) = (tmp_path / "tensorboard").iterdir()
    events.rename(events.with_name("events.out.tfevents.0"))  # files are read in order of names
    writer = MetricWriter(tmp_path, resume_step=2)
    writer.write("train", 3, {"loss": 30})
    writer.close()
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    shown = [(event.step, event.value) for event in board.Scalars("train/loss")]
    assert shown == [(1, 1.0), (2, 2.0), (3, 30.0)]


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00\x01\xff\xfe binary \x80\n",
        b"\x00" * 4096,
        b"[1, 2]\n7\nnull\n",
        b'{"kind": "train", "step": "two"}\n',
        b'{"kind": "train", "step": null}\n{"kind": "train"}\n',
        b'{"step": ' + b"1" * 5000 + b"}\n",
        b"[" * 100_000 + b"\n",
        b"\n\n",
        b'{"kind": "train", "step": 2}',  # the end of the line was lost, and maybe more
    ],
)
def test_a_damaged_file_keeps_its_good_lines(tmp_path, damage, caplog):
    good = b'{"kind": "train", "step": 1, "loss": 2.0}\n'
    (tmp_path / "metrics.jsonl").write_bytes(good + damage)
    writer = MetricWriter(tmp_path, resume_step=2)
    writer.write("train", 3, {"loss": 1.0})
    writer.close()
    assert [record["step"] for record in read(tmp_path)] == [1, 3]
    assert "metrics.jsonl: damaged lines dropped" in caplog.text


def test_a_file_without_damage_gives_no_warning(tmp_path, caplog):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"kind": "train", "step": 5}\n')
    MetricWriter(tmp_path, resume_step=2).close()
    assert read(tmp_path) == [] and not caplog.records


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = MetricWriter(None)
    writer.write("train", 1, {"loss": 1.0})
    writer.close()
    assert not list(tmp_path.iterdir())


def test_progress_gives_every_item_and_logs_the_time_left_every_half_minute(monkeypatch, caplog):
    """An item takes 20 s; what an earlier run has done took no time of this one."""
    caplog.set_level(logging.INFO)
    clock = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: clock[0])
    seen = []
    for item in progress(iter("abcdef"), "work", total=8, unit="files", initial=2):
        seen.append(item)
        clock[0] += 20.0
    assert seen == [*"abcdef"]
    assert caplog.messages == [
        "work: 4 of 8 files, 1 min 20 s left",
        "work: 6 of 8 files, 40 s left",
        "work: 8 of 8 files, 0 s left",
    ]


def test_progress_counts_the_items_itself_if_it_can(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    clock = iter(range(0, 100, 30))
    monkeypatch.setattr(bars.time, "monotonic", lambda: float(next(clock)))
    assert [*progress(["a", "b"], "work")] == ["a", "b"]
    assert caplog.messages == ["work: 1 of 2 items, 30 s left", "work: 2 of 2 items, 0 s left"]


@pytest.mark.parametrize(
    ("quiet", "levels"), [(False, ["INFO", "WARNING", "ERROR"]), (True, ["WARNING", "ERROR"])]
)
def test_the_log_file_is_appended_to_and_a_quiet_process_only_warns(tmp_path, quiet, levels):
    path = tmp_path / "exp" / "train.log"
    for word in ("first", "second"):
        setup_logging(path, quiet)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger("x").log(level, word)
    logging.shutdown()
    logging.basicConfig(force=True)
    found = [line.split(" ", 2)[2] for line in path.read_text().splitlines()]  # after date and time
    assert found == [f"{level} x: {word}" for word in ("first", "second") for level in levels]
