"""The results of streams in batches, compared with those of single streams."""

import pytest

from moeasr.api.engine import Task
from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.config import EndpointConfig

RULES = EndpointConfig(rule3_min_utterance_length=1.5)


def task_of(**settings):
    config = DecodeConfig(**{"chunk_size": 4, **settings})
    return Task(mode=None, config=config, given=list(settings), language=None)


def single(engine, wave):
    """Return the results of a stream without a batch."""
    stream = engine.open_stream(task_of(), RULES, 16000)
    return stream.push(wave) + stream.finish()


def batched(engine, waves, packet=1600):
    """Return the results of streams that begin one after the other and share their batches."""
    batch = engine.open_batch(task_of(), RULES)
    streams = [batch.open() for _ in waves]
    results, pending = [[] for _ in waves], dict(enumerate(waves))
    for time in range(10_000):
        for number in list(pending):
            stream, wave = streams[number], pending[number]
            if number <= time and not stream.is_ready and len(wave):
                assert stream.push(wave[:packet]) == []
                pending[number] = wave[packet:]
            elif not stream.is_ready and not len(wave):
                results[number] += stream.finish()
                del pending[number]
        ready = [number for number in pending if streams[number].is_ready]
        for number, found in zip(ready, batch.advance([streams[number] for number in ready])):
            results[number] += found
        if not pending:
            return results
    raise AssertionError("the streams did not end")


def described(results):
    """Return what must be equal whatever the batch is."""
    return [
        (
            *(r.text, r.stable_text, r.is_final, r.start, r.end),
            [(word.text, word.start, word.end) for word in r.words],
        )
        for r in results
    ]


def assert_batches_equal_streams(engine, sound):
    waves = [sound(seconds) for seconds in (2.3, 0.0, 0.01, 1.7, 4.0)]
    waves[3][5000:9000] *= 1e-4  # a pause of almost digital silence
    for found, wave in zip(batched(engine, waves), waves):
        expected = single(engine, wave)
        assert described(found) == described(expected)
        for ours, theirs in zip(found, expected):
            assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-3)
    assert sum(r.is_final for r in batched(engine, waves)[4]) > 2
