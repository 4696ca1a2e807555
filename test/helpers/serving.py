"""A server of a model folder in the process and the event loop of a test."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

aiohttp = pytest.importorskip("aiohttp")


from moeasr.api.engine import Task  # noqa: E402
from moeasr.decode.config import DecodeConfig  # noqa: E402
from moeasr.decode.live.config import EndpointConfig  # noqa: E402
from moeasr.serve.application import ServedApplication  # noqa: E402
from moeasr.serve.config import AddressConfig, Limits  # noqa: E402
from moeasr.serve.served_model import open_model  # noqa: E402

PACKET = 4000
RULES = EndpointConfig(rule3_min_utterance_length=1.5)


def model_of(folder):
    return open_model(folder, quantize=None, num_threads=1, mode=None, rules=RULES)


class Client:
    """A client of the server."""

    def __init__(self, session, url, application):
        self.session = session
        self.url = url
        self.application = application

    async def open(self, query=""):
        return await self.session.ws_connect(self.url + query)

    async def recognize(self, wave, pause_sec=0.0):
        """Return the results of a stream."""
        socket = await self.open()
        for first in range(0, len(wave), PACKET):
            await socket.send_bytes(wave[first : first + PACKET].tobytes())
            await asyncio.sleep(pause_sec)
        await socket.send_str("Done")
        return await results_of(socket)

    async def metrics(self):
        async with self.session.get(f"{self.url}metrics") as answer:
            lines = (await answer.text()).splitlines()
        values = (line.removeprefix("moeasr_").split() for line in lines if line[0] != "#")
        return {name: float(value) for name, value in values}


async def results_of(socket):
    """Return the results up to the end of a stream."""
    results = []
    async for message in socket:
        if message.data == "Done!":
            assert (await socket.receive()).type == aiohttp.WSMsgType.CLOSE
            return results
        results.append(json.loads(message.data))
    raise AssertionError(f"closed with {socket.close_code} after {results}")


async def closing(socket):
    """Return the code and the reason with which the server closes a websocket."""
    while (message := await socket.receive()).type == aiohttp.WSMsgType.TEXT:
        pass
    if message.type != aiohttp.WSMsgType.CLOSE:
        return socket.close_code, ""
    return message.data, message.extra


def finals(results):
    """Return what final results say."""
    return [
        (r["text"], [(word["word"], word["start"], word["end"]) for word in r["words"]])
        for r in results
        if r["is_final"]
    ]


def expected_finals(model, wave):
    """Return what a single stream says."""
    config = DecodeConfig(chunk_size=model.engine.stream_chunk_size)
    task = Task(mode=None, config=config, given=[], language=None)
    stream = model.engine.open_stream(task, RULES, 16000)
    return [
        (r.text, [(word.text, round(word.start, 3), round(word.end, 3)) for word in r.words])
        for r in stream.push(wave) + stream.finish()
        if r.is_final
    ]


@asynccontextmanager
async def serving(model, token=None, server_name=None, **limits):
    """Serve a model at a free port."""
    address = AddressConfig(token=token, server_name=server_name)
    application = ServedApplication(model, Limits(**limits), address)
    runner = aiohttp.web.AppRunner(application.web, shutdown_timeout=1)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, url, application)
    finally:
        await runner.cleanup()
