"""Measure the memory of a sharded set of ten million utterances.

The tables are synthetic; the shards do not exist. Opening is what a training does before its first
batch, except for counting tokens. Memory is the resident memory of the process beyond that of the
imports, in bytes per utterance as well, and its peak since the line before.

    python tools/bench/measure_shard_scale.py --dir /tmp/shard_scale --num-utts 10000000
"""

import argparse
import ctypes
import dataclasses
import gc
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from moeasr.data.data_type import find_data_type
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.data.shards.reader import shard_numbers
from moeasr.data.utterance_lengths import listed_lengths
from moeasr.data.window_sampler import ShardWindowSampler
from moeasr.datadir.table import Table

UTTS_PER_SHARD = 1000
CONFIG = BatchConfig(max_frames=16000, window_shards=10)


def main() -> None:
    """Make the tables if they do not exist, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, required=True, help="directory, created if missing")
    parser.add_argument("--num-utts", type=int, default=10_000_000)
    parser.add_argument("--world-size", type=int, default=8)
    args = parser.parse_args()
    data_dir = make_set(args.dir / str(args.num_utts), args.num_utts)
    meter = Meter(args.num_utts)
    utterances = find_data_type("shard").open(data_dir)
    meter.line("shards.scp is open")
    utterances = dataclasses.replace(utterances, num_frames=listed_lengths(data_dir, utterances))
    meter.line("with the lengths")
    utterances = utterances.with_texts(Table(data_dir / "text")).select(np.arange(args.num_utts))
    meter.line("with the transcripts")
    entries = utterances.entries
    shards = shard_numbers(entries.values(), len(entries))[utterances.rows]
    meter.line("with the number of each shard")
    settings = (CONFIG, 0, 0, args.world_size)
    for name, sampler in (
        ("windows", ShardWindowSampler(utterances.num_frames, shards, *settings)),
        ("whole set", BucketBatchSampler(utterances.num_frames, *settings)),
    ):
        meter.line(f"sampler ({name})")
        for epoch in range(1, 4):
            batches = sampler.batches(epoch)
            for index in batches[0]:
                assert utterances[index].utt_id
            meter.line(f"epoch {epoch}, {len(batches)} batches")
        del sampler, batches


class Meter:
    """A meter of the resident memory since it was made."""

    def __init__(self, num_utts: int) -> None:
        self._num_utts = num_utts
        self._before = resident()[0]
        print(f"{'':40s} {'MB':>8s} {'bytes per utterance':>20s} {'peak, MB':>10s}")

    def line(self, name: str) -> None:
        """Print the memory, and its peak since the last line."""
        now, peak = (value - self._before for value in resident())
        print(f"{name:40s} {now / 1e6:8.0f} {now / self._num_utts:20.0f} {peak / 1e6:10.0f}")


def resident() -> tuple[int, int]:
    """Return the resident memory and its peak since the last call, bytes."""
    peak = status("VmHWM")
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    return status("VmRSS"), peak


def status(name: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024


def make_set(data_dir: Path, num_utts: int) -> Path:
    """Write the tables of a set with random lengths, in random shards."""
    if (data_dir / "text").exists():
        return data_dir
    data_dir.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    lengths = rng.integers(200, 1600, num_utts, dtype=np.int32)
    shards = rng.permutation(np.arange(num_utts, dtype=np.int32) // UTTS_PER_SHARD)
    write(data_dir / "utt2num_frames", (f"{u} {n}" for u, n in zip(names(num_utts), lengths)))
    places = (
        f"{utt} {utt}.flac {n * 300_032 + 512} https://corpora.example.org/train/{shard:09d}.tar"
        for n, (utt, shard) in enumerate(zip(names(num_utts), shards))
    )
    write(data_dir / "shards.scp", places)
    write(data_dir / "text", (f"{utt} A TRANSCRIPT OF SOME WORDS" for utt in names(num_utts)))
    return data_dir


def names(num_utts: int) -> Iterator[str]:
    """Yield utterance ids as long as those of real corpora."""
    return (f"speaker{n // 300:06d}-recording{n // 20:07d}-{n:08d}" for n in range(num_utts))


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file, which appears when it is complete."""
    temporary = path.with_suffix(".part")
    with open(temporary, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    temporary.rename(path)


if __name__ == "__main__":
    main()
