"""Progress bars, in logs and as files for the program that shows a log."""

import json
import os
import sys

import pytest
from on_terminal import on_terminal

from moeasr import bars
from moeasr.bars import Bar, BarState, FileDisplay, LineDisplay, read_bars


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    return now


def test_a_line_tells_the_time_left_of_what_is_not_done_yet():
    state = BarState("training, epoch 2 of 3", 40, 100, "steps", 20, 10.0)
    assert state.line() == "training, epoch 2 of 3: 40 of 100 steps, 30 s left"
    assert state._replace(done=20).line() == "training, epoch 2 of 3: 20 of 100 steps"
    assert state._replace(total=None).line() == "training, epoch 2 of 3: 40 steps"


def test_lines_come_every_half_minute(clock):
    lines = []
    with Bar("work", 4, "files", say=lines.append) as bar:
        for _ in range(4):
            clock[0] += 20.0
            bar.advance()
    assert lines == ["work: 2 of 4 files, 40 s left", "work: 4 of 4 files, 0 s left"]


def test_more_items_than_expected_leave_no_negative_time(clock):
    lines = []
    with Bar("work", 1, "files", say=lines.append) as bar:
        for _ in range(2):
            clock[0] += 30.0
            bar.advance()
    assert lines == ["work: 1 of 1 files, 0 s left", "work: 2 of 2 files, 0 s left"]


def test_other_processes_than_the_first_show_nothing(clock):
    lines = []
    with Bar("work", 1, "files", say=lines.append, is_shown=False) as bar:
        clock[0] += 60.0
        bar.advance()
    assert lines == []


def test_the_environment_turns_a_bar_into_a_file(tmp_path, monkeypatch, clock):
    monkeypatch.setenv(bars.DIRECTORY, str(tmp_path))
    with Bar("work", 4, "files", initial=1) as bar:
        assert read_bars(tmp_path) == BarState("work", 1, 4, "files", 1, 0.0)
        clock[0] += 0.4
        bar.advance()
        assert read_bars(tmp_path).done == 1  # not after each item
        clock[0] += 0.4
        bar.advance()
        assert read_bars(tmp_path) == pytest.approx(BarState("work", 3, 4, "files", 1, 0.8))
        bar.describe("more work")
        bar.advance()
    assert read_bars(tmp_path)[:3] == ("more work", 4, 4)


def test_a_bar_whose_reader_is_gone_does_not_stop_the_work(tmp_path):
    display = FileDisplay(tmp_path / "gone")
    display.show(BarState("work", 1, 2, "files", 0, 1.0))


def write(path, state, mtime):
    path.write_text(json.dumps(state))
    os.utime(path, (mtime, mtime))


def test_the_bars_of_several_jobs_are_added(tmp_path):
    assert read_bars(tmp_path) is None
    write(tmp_path / "a.json", ["filter banks", 10, 50, "utterances", 0, 5.0], 2)
    write(tmp_path / "b.json", ["filter banks", 20, 50, "utterances", 0, 6.0], 3)
    write(tmp_path / "c.json", ["another", 1, 1, "files", 0, 9.0], 1)
    (tmp_path / "d.json").write_text('["cut sh')
    together = BarState("filter banks", 30, 100, "utterances", 0, 6.0)
    assert read_bars(tmp_path) == together
    assert read_bars(tmp_path, total=400) == together._replace(total=400)  # jobs that wait


def test_a_terminal_gets_a_bar_with_the_time_left():
    code = (
        "from moeasr.logs import progress\n"
        "import time\n"
        "for _ in progress(range(5), 'training, epoch 1 of 2', unit='steps'): time.sleep(0.11)"
    )
    _, shown = on_terminal([sys.executable, "-c", code])
    assert "training, epoch 1 of 2" in shown and "of 5 steps, time left 00:0" in shown


def test_a_line_display_says_nothing_at_the_start():
    lines = []
    LineDisplay(lines.append).show(BarState("work", 0, 2, "files", 0, 0.0))
    assert lines == []


def test_a_duration_is_rounded_to_its_second_unit():
    durations = {0.4: "0 s", 59.6: "1 min 00 s", 3599.4: "59 min 59 s", 3599.6: "1 h 00 min"}
    durations |= {3629.0: "1 h 00 min", 6284.9: "1 h 45 min", 7199.0: "2 h 00 min"}
    assert {seconds: bars.duration(seconds) for seconds in durations} == durations
