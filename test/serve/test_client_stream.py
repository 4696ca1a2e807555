"""A live stream as the event loop sees it."""

import asyncio

import pytest

from moeasr.api.live_stream import LiveTranscription
from moeasr.errors import InputError
from moeasr.serve.client_stream import ClientStream


class Worker:
    """A worker that notes its commands."""

    sample_rate_hz = 16000

    def __init__(self):
        self.commands = []

    def open(self, stream, phrases):
        self.commands.append("open")

    def push(self, stream, samples):
        self.commands.append(len(samples))

    def finish(self, stream):
        self.commands.append("finish")

    def drop(self, stream):
        self.commands.append("drop")


def result(text, is_final=False):
    return LiveTranscription(text, is_final=is_final)


def test_old_partial_results_are_left_out_and_final_ones_are_not():
    async def run():
        stream = ClientStream(Worker(), 1.0)
        stream.on_results([result("a"), result("a b")])
        stream.on_results([result("a b c", is_final=True), result("d")])
        stream.on_results([result("d e")])
        stream.on_end(None)
        found = []
        while (one := await stream.next_result()) is not None:
            found.append(one.text)
        return found

    assert asyncio.run(run()) == ["a b c", "d e"]


def test_a_fault_is_raised_after_the_results():
    async def run():
        stream = ClientStream(Worker(), 1.0)
        waiting = asyncio.create_task(stream.next_result())
        await asyncio.sleep(0)
        stream.on_results([result("a", is_final=True)])
        stream.on_end("NaN")
        assert (await waiting).text == "a"
        with pytest.raises(InputError, match="NaN"):
            await stream.next_result()

    asyncio.run(run())


def test_commands_wait_for_room():
    async def run():
        worker = Worker()
        stream = ClientStream(worker, 1.0)
        await stream.push(range(15000))
        await stream.push(range(15000))  # the room may be exceeded by one message
        late = asyncio.create_task(stream.push(range(10)))
        await asyncio.sleep(0)
        assert worker.commands == ["open", 15000, 15000]
        stream.on_heard(14000)
        await asyncio.sleep(0)
        assert not late.done()
        stream.on_heard(1000)
        await late
        stream.on_heard(-50000)
        late = asyncio.create_task(stream.push(range(20)))
        await asyncio.sleep(0)
        stream.on_end(None)  # nobody waits for ever
        await late
        stream.finish()
        stream.drop()
        assert worker.commands[3:] == [10, 20, "finish", "drop"]

    asyncio.run(run())
