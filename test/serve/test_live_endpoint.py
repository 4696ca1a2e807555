"""Live streams by websocket: right clients are served, wrong ones disturb nobody."""

import asyncio

import numpy as np
import pytest
from serving import (
    aiohttp,
    closing,
    expected_finals,
    finals,
    model_of,
    results_of,
    serving,
)

from moeasr.serve.client_stream import ClientStream
from moeasr.serve.live_endpoint import _Closed, _Session


@pytest.fixture
def model(folder):
    return model_of(folder)


def test_clients_at_the_same_time_get_the_results_of_single_streams(model, sound):
    noise = 0.1 * np.random.default_rng(0).standard_normal(20000)
    odd = [part.astype(np.float32) for part in (np.zeros(160), np.zeros(20000), noise)]
    waves = [*(sound(0.4 * number) for number in range(5)), *odd]

    async def run():
        async with serving(model) as client:
            found = await asyncio.gather(*map(client.recognize, waves))
            return found, await client.metrics()

    found, metrics = asyncio.run(run())
    for results, wave in zip(found, waves):
        assert finals(results) == expected_finals(model, wave)
        for number, result in enumerate(r for r in results if r["is_final"]):
            assert result["segment"] == number
            assert result["tokens"] == [word["word"] for word in result["words"]]
            starts = [round(word["start"] - result["start_time"], 3) for word in result["words"]]
            assert result["timestamps"] == pytest.approx(starts, abs=0.0011)
    assert metrics["streams_total"] == 8 and metrics["streams_active"] == 0
    assert metrics["audio_seconds_total"] == pytest.approx(sum(map(len, waves)) / 16000)


GARBAGE = {
    "parts of samples": (bytes(6), 1007, "must contain float32 samples of 4 bytes, but has 6"),
    "NaN": (np.full(800, np.nan, np.float32).tobytes(), 1007, "contains NaN"),
    "16-bit samples": (np.full(800, 9e3, np.float32).tobytes(), 1007, "lie in [-1, 1]"),
    "text": ("hello", 1003, "a text message must be `Done`"),
    "too much": (bytes(12_000), 1009, ""),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_garbage_closes_its_stream_with_a_reason_and_no_other(model, sound, case):
    message, code, reason = GARBAGE[case]
    wave = sound(1.5)

    async def run():
        async with serving(model, max_message_kb=10) as client:
            good, bad = await client.open(), await client.open()
            await good.send_bytes(wave[:2000].tobytes())
            await bad.send_bytes(wave[:2000].tobytes())
            await (bad.send_str if isinstance(message, str) else bad.send_bytes)(message)
            found = await closing(bad)
            for first in range(2000, len(wave), 2000):
                await good.send_bytes(wave[first : first + 2000].tobytes())
            await good.send_str("Done")
            return found, await results_of(good), await client.metrics()

    found, results, metrics = asyncio.run(run())
    assert found[0] == code and reason in found[1]
    assert len(found[1].encode()) <= 123
    assert finals(results) == expected_finals(model, wave)
    assert metrics["streams_failed_total"] == 1


def test_a_client_that_vanishes_leaves_nothing_behind(model, sound):
    wave = sound(1.5)

    async def run():
        async with serving(model) as client:
            lost = await client.open()
            await lost.send_bytes(wave.tobytes())
            lost._conn.transport.abort()
            results = await client.recognize(wave)
            while (await client.metrics())["streams_active"]:
                await asyncio.sleep(0.01)
            return results, client.application._worker

    results, worker = asyncio.run(run())
    assert finals(results) == expected_finals(model, wave)
    assert worker._entries == {}


def test_a_hundred_clients_of_whom_eight_have_room(model, sound):
    wave = sound(0.5)

    async def run():
        async with serving(model, max_clients=8) as client:
            sockets = [await client.open() for _ in range(100)]
            refused = [await closing(socket) for socket in sockets[8:]]
            for socket in sockets[:8]:
                await socket.send_bytes(wave.tobytes())
                await socket.send_str("Done")
            served = [await results_of(socket) for socket in sockets[:8]]
            again = await client.recognize(wave)
            return refused, [*served, again]

    refused, served = asyncio.run(run())
    assert set(refused) == {(1013, "the limit of 8 streams is reached; try again later")}
    assert {str(finals(results)) for results in served} == {str(expected_finals(model, wave))}


def test_a_silent_client_is_disconnected(model):
    async def run():
        async with serving(model, max_idle=0.05) as client:
            return await closing(await client.open())

    assert asyncio.run(run()) == (1008, "no message for 0.05 s")


def test_another_sample_rate_is_refused(model, sound):
    async def run():
        async with serving(model) as client:
            right = await client.open("?sample_rate=16000")
            await right.send_str("Done")
            await results_of(right)
            return await closing(await client.open("?sample_rate=44100"))

    code, reason = asyncio.run(run())
    assert (code, reason) == (1008, "samples must have 16000 Hz, not 44100; resample")


def test_phrases_are_boosted_in_their_stream_only(model, sound):
    wave, phrases = sound(1.5), ["cb", "b b"]

    async def run():
        async with serving(model) as client:
            boosted = await client.open("?phrase=cb&phrase=b%20b")
            plain = await client.open()
            for socket in (boosted, plain):
                await socket.send_bytes(wave.tobytes())
                await socket.send_str("Done")
            found = [await results_of(socket) for socket in (boosted, plain)]
            return found, await closing(await client.open("?phrase=cb&phrase=D%C3%84D"))

    (boosted, plain), refused = asyncio.run(run())
    assert finals(plain) == expected_finals(model, wave)
    stream = model.batch.open(phrases)
    stream.push(wave)
    results = []
    while stream.is_ready:
        (found,) = model.batch.advance([stream])
        results += found
    expected = [r.text for r in results + stream.finish() if r.is_final]
    assert [text for text, _ in finals(boosted)] == expected
    assert expected != [text for text, _ in finals(plain)]
    reason = "phrase 'DÄD' cannot be written with the model's units; check its letter case"
    assert refused == (1007, reason)


def test_running_streams_finish_when_the_server_stops(model, sound):
    wave = sound(1.0)

    async def run():
        async with serving(model, grace=3.0) as client:
            quick, endless = await client.open(), await client.open()
            for socket in (quick, endless):
                await socket.send_bytes(wave.tobytes())
            await asyncio.sleep(0)  # both have begun when the first results come
            await quick.receive()
            await endless.receive()
            stopping = asyncio.create_task(client.application._live.stop())
            await asyncio.sleep(0)
            late = await closing(await client.open())
            await quick.send_str("Done")
            results = await results_of(quick)
            last = [message.json() async for message in endless if message.data != "Done!"]
            await stopping
            return late, results, last, endless.close_code

    late, results, last, code = asyncio.run(run())
    assert late == (1001, "the server is stopping")
    assert finals(results)[-1] == finals(last)[-1] == expected_finals(model, wave)[-1]
    assert code == 1001


class StuckSocket:
    """A websocket of a client that sends samples and reads nothing."""

    def __init__(self, message):
        self.message = message

    async def receive(self, timeout):
        await asyncio.sleep(0)
        return self.message

    async def send_str(self, text):
        await asyncio.Event().wait()


class Transport:
    """A connection that notes its end."""

    is_aborted = False

    def abort(self):
        self.is_aborted = True


def test_a_client_that_reads_nothing_is_disconnected(model, sound):
    message = aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, sound(1.0).tobytes(), None)
    transport = Transport()

    async def run():
        async with serving(model) as client:
            worker = client.application._worker
            stream = ClientStream(worker, 10.0)
            with pytest.raises(_Closed):
                await _Session(StuckSocket(message), transport, stream, 0.05).run()
            return worker

    worker = asyncio.run(run())
    assert transport.is_aborted and worker._entries == {}


def test_a_fast_client_waits_until_there_is_room(model, sound):
    wave = sound(1.0)

    async def run():
        async with serving(model) as client:
            stream = ClientStream(client.application._worker, max_waiting_sec=0.5)
            rooms = []
            for _ in range(4):
                await stream.push(wave)
                rooms.append(stream._room)
            stream.finish()
            while await stream.next_result() is not None:
                pass
            return rooms, stream._room

    rooms, last = asyncio.run(run())
    assert min(rooms) >= 8000 - 16000 and last == 8000
