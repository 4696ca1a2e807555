"""Work in a thread: one piece at a time, and its errors in the main thread."""

import threading

import pytest

from moeasr.train.background_work import Background


def fail():
    raise ValueError("no space")


def test_the_work_runs_beside_the_caller_one_piece_at_a_time():
    background, may_end, done = Background(), threading.Event(), []
    background.wait()  # there is nothing to wait for
    background.start(lambda: done.append(may_end.wait(60)))
    background.check()
    assert not done
    may_end.set()
    background.start(lambda: done.append(len(done)))
    background.wait()
    assert done == [True, 1]


def test_an_error_is_raised_once_in_the_main_thread():
    background = Background()
    background.start(fail)
    with pytest.raises(ValueError, match="no space"):
        background.start(list)
    background.wait()
    background.start(fail)
    with pytest.raises(ValueError, match="no space"):
        while True:
            background.check()
    background.check()


def test_a_block_ends_with_its_work_and_its_own_error_takes_precedence():
    background, done = Background(), []
    with background.finished():
        background.start(lambda: done.append(1))
    assert done == [1]
    with pytest.raises(ValueError, match="no space"), background.finished():
        background.start(fail)
    may_end = threading.Event()
    with pytest.raises(SystemExit), background.finished():
        background.start(lambda: done.append(may_end.wait(60)) or fail())
        threading.Timer(0.05, may_end.set).start()
        raise SystemExit
    assert done == [1, True]
