r"""Measure a server of `moeasr serve` on loopback: latency, many clients, and memory.

    python tools/bench/measure_server.py latency --model exp/u2pp_moe/export --data-dir data/test
    python tools/bench/measure_server.py clients --model exp/u2pp_moe/export --data-dir data/test \
        --clients 8 --seconds 120 --sherpa-client sherpa-onnx-online-websocket-client
    python tools/bench/measure_server.py connections --model exp/u2pp_moe/export \
        --data-dir data/test --number 1000

The server has its own process, in which networks have one thread. `latency` streams one utterance
after the other in real time, and prints when the first partial result and the final result arrive,
counted from the start of the first word and from the end of the last word in the final result.
The client sends `Done` as soon as the last word has ended, or with `--pause` waits for the end
point. `clients` repeats utterances at full speed, `connections` opens and closes streams in all
ways. Both compare every final text with that of a single stream, and print the memory of the
server as it grows. The exit status is 1 if a text is wrong, an utterance has no final result, or a
client fails.

`--sherpa-client` gives the program of the package sherpa-onnx-bin, which is one of the clients. It
needs utterances of 16 kHz.
"""

import argparse
import asyncio
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np
import soundfile

from moeasr.api.engine import Task
from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import find_data_type
from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.config import EndpointConfig
from moeasr.deploy.folder_engine import open_folder

PACKET_SEC = 0.1
REPORT_SEC = 10.0


class Utterance(NamedTuple):
    """A recording, and what a single stream says about it."""

    samples: np.ndarray
    text: str
    first_word_sec: float
    last_word_sec: float


class Server(NamedTuple):
    """A running server."""

    url: str
    port: int
    pid: int
    rate_hz: int

    def memory_mb(self) -> float:
        """Return the resident memory of the server."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main() -> None:
    """Start the server, measure it, and stop it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("what", choices=("latency", "clients", "connections"))
    add("--model", required=True, help="model folder")
    add("--data-dir", required=True, help="data directory with utterances")
    add("--num-utts", type=int, default=20, help="number of utterances to use")
    add("--core", help="core on which the server runs (taskset), such as 1")
    add("--pause", action="store_true", help="latency: wait for the end point after the last word")
    add("--clients", type=int, default=8, help="clients: number of clients at a time")
    add("--seconds", type=float, default=120.0, help="clients: duration")
    add("--sherpa-client", help="clients: path of sherpa-onnx-online-websocket-client")
    add("--number", type=int, default=1000, help="connections: number of connections")
    args = parser.parse_args()
    utterances = read_utterances(args)
    work = {"latency": latency, "clients": clients, "connections": connections}[args.what]
    with running_server(args) as server:
        num_faults = asyncio.run(work(server, utterances, args))
        print(f"{num_faults} faults, memory {server.memory_mb():.0f} MB")
    sys.exit(num_faults > 0)


def read_utterances(args: argparse.Namespace) -> list[Utterance]:
    """Return the first utterances with the results of single streams."""
    engine = open_folder(args.model, num_threads=1)
    config = DecodeConfig(chunk_size=engine.stream_chunk_size)
    task = Task(mode=None, config=config, given=[], language=None)
    rate_hz, found = engine.sample_rate_hz, []
    listed = list(itertools.islice(find_data_type("raw").open(args.data_dir), args.num_utts))
    for _, waveform, _ in read_waveforms(listed, rate_hz):
        samples = waveform.numpy()
        stream = engine.open_stream(task, EndpointConfig(), rate_hz)
        finals = [r for r in stream.push(samples) + stream.finish() if r.is_final]
        words = [word for result in finals for word in result.words]
        times = (words[0].start, words[-1].end) if words else (0.0, len(samples) / rate_hz)
        found.append(Utterance(samples, text_of(r.text for r in finals), *times))
    return found


def text_of(texts: Iterator[str]) -> str:
    """Return the texts of final results as one."""
    return " ".join(filter(None, texts))


@contextmanager
def running_server(args: argparse.Namespace) -> Iterator[Server]:
    """Start the server at a free port, and stop it in the end."""
    options = ["--model", args.model, "--num-threads", "1", "--port", "0"]
    place = ["taskset", "-c", args.core] if args.core else []
    process = subprocess.Popen(
        [*place, sys.executable, "-m", "moeasr.bin.serve", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = process.stdout.readline().split()[0]
        port = int(url.rstrip("/").rpartition(":")[2])
        rate_hz = open_folder(args.model).sample_rate_hz
        yield Server(url, port, process.pid, rate_hz)
    finally:
        process.terminate()
        process.wait()


async def stream(
    session: aiohttp.ClientSession, server: Server, samples: np.ndarray, is_live: bool
) -> list[tuple[float, dict[str, Any]]]:
    """Stream samples; return the results, each with the seconds since the first sample."""
    size, results = round(PACKET_SEC * server.rate_hz), []
    async with session.ws_connect(server.url) as socket:
        start = time.perf_counter()

        async def send() -> None:
            for first in range(0, len(samples), size):
                packet = samples[first : first + size]
                if is_live:  # a packet is complete when its last sample was spoken
                    due_sec = (first + len(packet)) / server.rate_hz
                    await asyncio.sleep(max(0.0, start + due_sec - time.perf_counter()))
                await socket.send_bytes(packet.tobytes())
            await socket.send_str("Done")

        sender = asyncio.create_task(send())
        async for message in socket:
            if message.data == "Done!":
                break
            results.append((time.perf_counter() - start, json.loads(message.data)))
        await sender
    return results


async def latency(server: Server, utterances: list[Utterance], args: argparse.Namespace) -> int:
    """Print the times of first partial and final results of single streams in real time."""
    partial_sec, final_sec, num_faults = [], [], 0
    async with aiohttp.ClientSession() as session:
        for utterance in utterances:
            if not utterance.text:
                continue
            end = round(utterance.last_word_sec * server.rate_hz)
            samples = utterance.samples[:end]
            if args.pause:
                samples = np.concatenate([samples, np.zeros(3 * server.rate_hz, np.float32)])
            results = await stream(session, server, samples, is_live=True)
            shown = [sec for sec, result in results if result["text"]]
            finals = [sec for sec, result in results if result["is_final"] and result["text"]]
            if finals:
                partial_sec.append(shown[0] - utterance.first_word_sec)
                final_sec.append(finals[0] - utterance.last_word_sec)
            else:
                num_faults += 1
    print(f"{len(final_sec)} utterances     median   90 %    worst")
    if not final_sec:
        return num_faults
    for name, values in (("first partial", partial_sec), ("final", final_sec)):
        ranked = sorted(values)
        high = ranked[min(len(ranked) - 1, round(0.9 * len(ranked)))]
        print(f"{name:15} {statistics.median(ranked):9.2f} s {high:6.2f} s {ranked[-1]:6.2f} s")
    return num_faults


async def clients(server: Server, utterances: list[Utterance], args: argparse.Namespace) -> int:
    """Stream utterances by several clients at a time, and compare their texts."""
    end = time.monotonic() + args.seconds
    counts = {"streams": 0, "faults": 0}

    async def stream_on(number: int, session: aiohttp.ClientSession) -> None:
        for utterance in itertools.islice(itertools.cycle(utterances), number, None):
            if time.monotonic() > end:
                return
            if number == 0 and args.sherpa_client:
                text = await text_of_sherpa(server, utterance, args.sherpa_client)
            else:
                results = await stream(session, server, utterance.samples, is_live=False)
                text = text_of(r["text"] for _, r in results if r["is_final"])
            counts["streams"] += 1
            if text != utterance.text:
                counts["faults"] += 1
                print(f"client {number}: '{text}' instead of '{utterance.text}'")

    async def report() -> None:
        while True:
            print(f"{counts['streams']:6} streams, memory {server.memory_mb():6.0f} MB", flush=True)
            await asyncio.sleep(REPORT_SEC)

    reporter = asyncio.create_task(report())
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(stream_on(number, session) for number in range(args.clients)))
    reporter.cancel()
    print(f"{counts['streams']} streams by {args.clients} clients")
    return counts["faults"]


async def text_of_sherpa(server: Server, utterance: Utterance, program: str) -> str:
    """Return the final text that sherpa-onnx's own client receives."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        soundfile.write(wav.name, utterance.samples, server.rate_hz)
        process = await asyncio.create_subprocess_exec(
            *(program, f"--server-port={server.port}", "--seconds-per-message=0.01", wav.name),
            stderr=asyncio.subprocess.PIPE,
        )
        _, printed = await process.communicate()
    results = [json.loads(found) for found in re.findall(r"\{.*\}", printed.decode())]
    return text_of(result["text"] for result in results if result["is_final"])


async def connections(server: Server, utterances: list[Utterance], args: argparse.Namespace) -> int:
    """Open and close many streams: whole, empty, abandoned and with garbage."""
    num_faults = 0
    async with aiohttp.ClientSession() as session:
        for number in range(args.number):
            utterance = utterances[number % len(utterances)]
            if number % 4 == 0:
                results = await stream(session, server, utterance.samples, is_live=False)
                text = text_of(r["text"] for _, r in results if r["is_final"])
                num_faults += text != utterance.text
            else:
                async with session.ws_connect(server.url) as socket:
                    if number % 4 == 1:
                        await socket.send_str("Done")
                    elif number % 4 == 2:
                        await socket.send_bytes(b"garbage")
                    else:
                        await socket.send_bytes(utterance.samples[:16000].tobytes())
                        socket._conn.transport.abort()
            if number % (args.number // 10 or 1) == 0:
                print(f"{number:6} connections, memory {server.memory_mb():6.0f} MB", flush=True)
        await asyncio.sleep(1)  # for the last one
        async with session.get(f"{server.url}metrics") as answer:
            active = re.search(r"^moeasr_streams_active (\S+)", await answer.text(), re.MULTILINE)
    print(f"{args.number} connections, {active[1]} streams active")
    return num_faults


if __name__ == "__main__":
    main()
