"""Stopping by SIGTERM: the state is saved first, and no batch is waited for."""

import os
import signal
import threading
import time

import pytest

from moeasr.rank_report import VARIABLE
from moeasr.train.stopping import STOPPED_BY_SIGNAL, Stopper


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_batches_are_taken_by_count_until_there_are_none():
    stopper, stream = Stopper(save=lambda: None), iter(range(5))
    assert [stopper.take(stream, 2) for _ in range(4)] == [[0, 1], [2, 3], [4], []]


def test_a_signal_between_batches_is_kept_until_it_is_asked_for():
    saved = []
    stopper = Stopper(save=lambda: saved.append(True))
    with stopper.listening():
        stopper.stop_if_requested()
        terminate()
        assert stopper.is_requested and not saved
        with pytest.raises(SystemExit) as stopped:
            stopper.stop_if_requested()
    assert stopped.value.code == STOPPED_BY_SIGNAL == 143
    assert saved == [True]


@pytest.mark.usefixtures("fails_rather_than_hangs")
def test_a_signal_ends_the_wait_for_a_batch_that_never_comes():
    saved = []

    def hanging():
        yield 1
        threading.Timer(0.05, terminate).start()
        time.sleep(600)

    stopper = Stopper(save=lambda: saved.append(True))
    with stopper.listening(), pytest.raises(SystemExit) as stopped:
        stopper.take(hanging(), 2)
    assert stopped.value.code == STOPPED_BY_SIGNAL
    assert saved == [True]


def test_a_training_whose_launcher_was_killed_saves_and_stops(monkeypatch):
    """Its processes would go on unseen, as children of another process."""
    monkeypatch.setenv(VARIABLE, "7:/none/reports")
    monkeypatch.setattr(os, "getppid", lambda: 7)
    saved = []
    stopper = Stopper(save=lambda: saved.append(True))
    stopper.stop_if_requested()
    assert not saved
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(SystemExit) as stopped:
        stopper.stop_if_requested()
    assert (stopped.value.code, saved) == (STOPPED_BY_SIGNAL, [True])


def test_afterwards_signals_go_where_they_went_before():
    before = signal.getsignal(signal.SIGTERM)
    with Stopper(save=lambda: None).listening():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
