"""Training time is the sum over sessions, and is not written if a session is unknown."""

import json

import pytest

from moeasr.train.training_time import TrainingTime


@pytest.fixture
def clock(monkeypatch):
    """The seconds that `time.monotonic` gives, in a list of one."""
    now = [100.0]
    monkeypatch.setattr("moeasr.train.training_time.time.monotonic", lambda: now[0])
    return now


def saved_sec(exp_dir):
    return json.loads((exp_dir / "training_time.json").read_text())["training_sec"]


def test_sessions_add_up_each_until_it_saved_last(tmp_path, clock):
    first = TrainingTime(tmp_path, is_resumed=False)
    clock[0] += 40.0
    first.save(first.seconds())
    clock[0] += 1000.0  # killed before it saved again, and a pause
    second = TrainingTime(tmp_path, is_resumed=True)
    clock[0] += 2.5
    second.save(second.seconds())
    assert saved_sec(tmp_path) == 42.5


def test_time_after_the_state_that_is_saved_does_not_count(tmp_path, clock):
    first = TrainingTime(tmp_path, is_resumed=False)
    clock[0] += 40.0
    seconds = first.seconds()
    clock[0] += 3.0  # the training goes on while the state is written
    first.save(seconds)
    assert saved_sec(tmp_path) == 40.0


def test_a_training_that_starts_anew_counts_from_zero(tmp_path, clock):
    (tmp_path / "training_time.json").write_text('{"training_sec": 7}')
    anew = TrainingTime(tmp_path, is_resumed=False)
    clock[0] += 1.0
    anew.save(anew.seconds())
    assert saved_sec(tmp_path) == 1.0


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_time_is_not_known_if_that_of_earlier_sessions_is_not(tmp_path, content):
    path = tmp_path / "training_time.json"
    if content is not None:
        path.write_text(content)
    unknown = TrainingTime(tmp_path, is_resumed=True)
    unknown.save(unknown.seconds())
    assert (path.read_text() if path.exists() else None) == content
