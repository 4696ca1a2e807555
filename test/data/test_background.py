"""Results computed in background processes."""

import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio import duration as audio_length
from moeasr.data import background
from moeasr.data.background import in_background
from moeasr.data.cmvn_job import CmvnJob
from moeasr.data.data_type import StoredFeatures
from moeasr.data.shards import index as shard_index
from moeasr.data.shards import writer as shard_writer
from moeasr.data.shards.writer import ShardMaker
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_utterances
from moeasr.errors import InputError
from moeasr.kaldi import check_audio, durations

pytestmark = pytest.mark.usefixtures("fails_rather_than_hangs")


def half(number: int) -> float:
    if number == 7:
        raise InputError("7 is not liked")
    return number / 2


@pytest.mark.parametrize("num_workers", [0, 1, 3, 9])
def test_results_come_in_order_and_an_error_at_its_turn(num_workers):
    results = in_background(half, [4, 2, 9, 7, 1], num_workers)
    assert [next(results) for _ in range(3)] == [2.0, 1.0, 4.5]
    with pytest.raises(InputError, match="^7 is not liked$"):
        next(results)


def test_workers_compute_with_one_thread_each():
    torch.set_num_threads(2)  # a test begins with one
    assert list(in_background(lambda _: torch.get_num_threads(), range(2), 2)) == [1, 1]
    assert torch.get_num_threads() == 2


def test_nothing_to_do_is_done_at_once():
    assert list(in_background(half, [], 2)) == []


def test_tensors_and_arrays_arrive_as_they_were():
    values = [
        torch.arange(6, dtype=torch.float64).reshape(2, 3).t(),
        torch.empty(0, 80),
        torch.tensor(3),
        torch.rand(200, 1000),  # larger than any pipe
        np.ones((2, 2), np.int32),
    ]
    for sent, got in zip(values, in_background(values.__getitem__, range(5), 2)):
        assert type(got) is type(sent) and got.dtype == sent.dtype
        assert not (isinstance(got, torch.Tensor) and got.is_shared())  # containers have little
        np.testing.assert_array_equal(got, sent)
        got += 1  # the receiver may write to it


def signalled(signum: int) -> int:
    os.kill(os.getpid(), signum)
    return signum


def test_a_worker_leaves_signals_to_its_parent():
    """A terminal's Ctrl-C and a batch system's SIGTERM go to all processes of a group."""
    signals = [signal.SIGINT, signal.SIGTERM]
    assert list(in_background(signalled, signals, 1)) == signals


def test_an_error_about_a_file_still_names_it(tmp_path):
    missing = str(tmp_path / "gone")
    with pytest.raises(FileNotFoundError) as caught:
        next(in_background(os.stat, [missing], 1))
    assert caught.value.filename == missing


def num_threads(_: int) -> int:
    return torch.get_num_threads()


def test_a_worker_computes_with_one_thread():
    """The number of threads here does not matter: N workers of M threads would compete."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert list(in_background(num_threads, range(2), 2)) == [1, 1]
    finally:
        torch.set_num_threads(before)


class OddError(Exception):
    """Cannot be unpickled: its arguments are not those of the constructor."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} {other}")


def fail_at_5(number: int) -> int:
    if number == 5:
        raise FAILURE()
    return number


FAILURE: Callable[[], BaseException] = MemoryError
FAILURES = {
    "MemoryError": lambda: MemoryError(),
    "ValueError: made up": lambda: ValueError("made up"),
    "OSError: made up": lambda: OSError("made up"),
    r"BrokenPipeError: \[Errno 32\] Broken pipe": lambda: BrokenPipeError(32, "Broken pipe"),
    "SystemExit: 3": lambda: SystemExit(3),
    "KeyboardInterrupt": lambda: KeyboardInterrupt(),
    "OddError: 1 2": lambda: OddError(1, 2),
}


@pytest.mark.parametrize("text", FAILURES)
def test_any_error_of_a_worker_is_one_sentence_with_its_type_and_text(text, monkeypatch):
    monkeypatch.setitem(globals(), "FAILURE", FAILURES[text])
    results = in_background(fail_at_5, range(50), 2)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(InputError, match=rf"(^|\.){text} \(test_background.py, line \d+\)$"):
        next(results)


def test_a_result_that_cannot_be_pickled_is_one_sentence():
    with pytest.raises(InputError, match="pickle"):
        list(in_background(lambda number: lambda: number, range(3), 1))


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGXCPU])
def test_a_worker_that_dies_is_one_sentence(signum):
    def die_at_3(number: int) -> int:
        if number == 3:
            os.kill(os.getpid(), signum)
        return number

    # a result that the worker has not sent yet is lost with it, and no other one
    results = in_background(die_at_3, range(9), 2)
    received = []
    with pytest.raises(InputError, match=f"^a background process was killed by {signum.name}"):
        for result in results:
            received.append(result)
    assert received == list(range(len(received))) and len(received) <= 3


def test_a_worker_killed_while_it_writes_is_one_sentence():
    results = in_background(lambda number: torch.zeros(10**6), range(4), 1)
    next(results)
    [child] = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    time.sleep(0.2)  # enough for a part of the next result
    os.kill(int(child), signal.SIGKILL)
    with pytest.raises(InputError, match="^a background process was killed by SIGKILL"):
        next(results)


def test_a_worker_that_exits_is_one_sentence():
    with pytest.raises(
        InputError, match="^a background process ended early with status 3 and .*`--nj 1`"
    ):
        list(in_background(lambda number: os._exit(3), range(2), 1))


def test_workers_that_cannot_be_started_are_one_sentence_and_leave_nothing_behind():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    num_open = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (num_open + 8, limits[1]))
    try:
        with pytest.raises(InputError, match="^background process .* of 40 cannot be started: .*T"):
            list(in_background(half, [1] * 40, 40))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(os.listdir("/proc/self/fd")) <= num_open + 2  # Python's own fork leaves a pipe
    assert not multiprocessing.active_children()


def test_a_worker_that_does_not_finish_its_item_is_killed(monkeypatch):
    monkeypatch.setattr(background, "GRACE_SEC", 0.2)
    results = in_background(lambda number: time.sleep(600 * number), range(4), 2)
    next(results)
    results.close()  # the test would fail by its limit


SCRIPT = """
import sys, threading, time
from moeasr.data.background import in_background
results = in_background(lambda n: bytes(10**7), range(100), 3)
next(results)
print("ready", flush=True)
{end}
"""
ENDS = {
    "killed": "time.sleep(600)",
    "unclosed": "sys.exit(4)",
    "unclosed, held by an error": "raise ValueError(results)",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDS)
def test_no_worker_outlives_its_parent(how):
    command = [sys.executable, "-c", SCRIPT.format(end=ENDS[how])]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        if how == "killed":
            process.kill()
        # the workers inherited this pipe: its end is that of the last of them
        assert process.communicate(timeout=120)[0] == ""
    assert process.returncode == {"killed": -9, "unclosed": 4}.get(how, 1)


def fail(*args: object, **kwargs: object) -> None:
    raise RuntimeError("odd")


def test_every_job_names_what_it_worked_on(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16000)
    (tmp_path / "wav.scp").write_text(f"a1 {tmp_path}/a.wav\n")
    (tmp_path / "utt2spk").write_text("a1 s\n")
    (tmp_path / "text").write_text("a1 HELLO\n")
    utterances = open_utterances(tmp_path / "wav.scp").with_texts(Table(tmp_path / "text"))
    maker = ShardMaker(utterances, str(tmp_path / "shard"), 10, seed=0)
    maker.make(0)
    monkeypatch.setattr(audio_length, "measure_audio", fail)
    monkeypatch.setattr(check_audio, "measure_audio", fail)
    monkeypatch.setattr(durations, "probe_audio", fail)
    monkeypatch.setattr(shard_index, "measure_stream", fail)
    monkeypatch.setattr(shard_writer, "_encode", fail)
    monkeypatch.setattr(StoredFeatures, "read", fail)
    sentence = r"RuntimeError: odd \(test_background.py, line \d+\)"
    with pytest.raises(InputError, match=f"^utterance a1: {sentence}$"):
        CmvnJob(utterances, StoredFeatures()).stats_of(0)
    with pytest.raises(InputError, match=f"^utterance a1: {sentence}$"):
        audio_length.LengthReader(utterances).read(0)
    with pytest.raises(InputError, match=f"^shard {maker.path(0)}: {sentence}$"):
        shard_index.list_shard(str(maker.path(0)))
    (tmp_path / "text").write_text("a1 OTHER\n")
    changed = utterances.with_texts(Table(tmp_path / "text"))
    with pytest.raises(InputError, match=f"^utterance a1: {sentence}$"):
        ShardMaker(changed, str(tmp_path / "shard"), 10, 0).make(0)
    with pytest.raises(InputError, match=f"bad audio:\nutterance a1: its audio: {sentence}$"):
        check_audio.check_audio(tmp_path, say=print)
    said: list[str] = []
    with pytest.raises(InputError, match="less than half of the durations"):
        durations.write_utt2dur(tmp_path, said.append)
    assert re.search(f"no duration for a1: its audio: {sentence}$", said[1])
