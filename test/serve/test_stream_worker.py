"""The thread of all live streams."""

import asyncio

import numpy as np
import pytest
from serving import expected_finals, finals, model_of

from moeasr.serve.messages import words_json
from moeasr.serve.metrics import Metrics
from moeasr.serve.stream_worker import FAULT, StreamWorker


@pytest.fixture
def model(folder):
    return model_of(folder)


class Recorder:
    """A listener that notes what happens to its stream."""

    def __init__(self):
        self.results, self.fault, self.num_heard = [], None, 0
        self.ended = asyncio.Event()

    def on_heard(self, num_samples):
        self.num_heard += num_samples

    def on_results(self, results):
        self.results += results

    def on_end(self, fault):
        self.fault = fault
        self.ended.set()


def work(model, waves, max_batch=32):
    """Give streams to a worker before it starts, and return what happens to them."""
    metrics = Metrics()
    worker = StreamWorker(model.batch, max_batch, metrics)

    async def run():
        listeners = [Recorder() for _ in waves]
        for listener, wave in zip(listeners, waves):
            worker.open(listener, ())
            worker.push(listener, wave)
            worker.finish(listener)
        worker.start(asyncio.get_running_loop())
        for listener in listeners:
            await listener.ended.wait()
        worker.stop()
        return listeners, metrics

    return asyncio.run(run())


def said(results):
    found = (
        {"text": r.text, "is_final": r.is_final, "words": words_json(r.words)} for r in results
    )
    return finals(found)


@pytest.mark.parametrize(("max_batch", "num_batches"), [(8, 9), (3, 12), (1, 36)])
def test_streams_are_encoded_together(model, sound, max_batch, num_batches):
    wave = sound(1.635)  # 9 chunks are complete before the end
    listeners, metrics = work(model, [wave] * 4, max_batch)
    for listener in listeners:
        assert listener.fault is None and listener.num_heard == len(wave)
        assert said(listener.results) == expected_finals(model, wave)
    assert (metrics.value("batches_total"), metrics.value("chunks_total")) == (num_batches, 36)
    assert metrics.value("results_total") == sum(
        result.is_final for listener in listeners for result in listener.results
    )


def test_a_fault_ends_only_its_stream(model, sound):
    bad = np.full(100, np.inf, np.float32)
    (one, failed), _ = work(model, [sound(1.0), bad])
    assert said(one.results) == expected_finals(model, sound(1.0))
    assert "contains NaN" in failed.fault and not failed.results


def test_an_unforeseen_error_ends_the_batch_and_not_the_thread(model, sound, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(model.batch, "advance", fail)
    (one, other, short), _ = work(model, [sound(1.0), sound(1.0), sound(0.01)])
    assert one.fault == other.fault == FAULT and short.fault is None
    assert "no such luck" in caplog.text


def test_a_stream_that_cannot_be_opened_ends_alone(model, sound, monkeypatch, caplog):
    open_stream, calls = model.batch.open, []

    def fail_once(phrases):
        calls.append(phrases)
        if len(calls) == 1:
            raise ZeroDivisionError("a fault of the code")
        return open_stream(phrases)

    monkeypatch.setattr(model.batch, "open", fail_once)
    (first, second), _ = work(model, [sound(0.5)] * 2)
    assert (first.fault, second.fault) == (FAULT, None)
    assert said(second.results) == expected_finals(model, sound(0.5))
    assert "a stream could not be opened" in caplog.text


def test_samples_after_the_end_of_a_stream_are_ignored(model, sound):
    worker = StreamWorker(model.batch, 4, Metrics())
    listener = Recorder()
    worker.push(listener, sound(0.1))
    worker.finish(listener)
    worker.drop(listener)

    async def run():
        worker.start(asyncio.get_running_loop())
        await asyncio.to_thread(worker.stop)

    asyncio.run(run())
    assert listener.results == [] and not listener.ended.is_set()
