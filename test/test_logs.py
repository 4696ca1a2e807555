"""Log files and progress."""

import logging
from contextlib import suppress

import pytest

from moeasr import bars
from moeasr.logs import progress, setup_logging


def test_progress_gives_every_item_and_logs_the_time_left_every_half_minute(monkeypatch, caplog):
    """An item takes 20 s. The items of an earlier run took no time in this run."""
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


def test_a_log_file_that_cannot_be_written_is_named():
    """On a full disk, logging would print a traceback for every message."""
    setup_logging("/dev/full")
    try:
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            logging.getLogger("x").info("a message")
    finally:
        with suppress(OSError):  # the message is still in the file's buffer
            logging.basicConfig(force=True)
        logging.basicConfig(force=True)


def test_messages_for_people_begin_with_their_level_only_if_it_matters(capsys):
    setup_logging()
    logging.getLogger("moeasr.train.trainer").info("epoch %d", 1)
    logging.getLogger("moeasr.train.trainer").warning("loss is not finite")
    logging.basicConfig(force=True)
    assert capsys.readouterr().err == "epoch 1\nWARNING: loss is not finite\n"
