"""Measure the opening time and the memory of a data set of a million utterances.

The set is synthetic: transcripts are random words of a synthetic vocabulary, and a few recordings
are used for all utterances. Opening is everything that a training does before its first batch; the
second measurement reuses the token counts of the first. Memory is the proportional set size (PSS)
of all processes together, and its anonymous part, which no file backs. A step is a training step of
a tiny model.

    python tools/bench/measure_million.py --dir /tmp/million --data-type raw --num-workers 0 2
"""

import argparse
import ctypes
import gc
import os
import shutil
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from moeasr.bin import make_raw, make_shards
from moeasr.config import from_mapping
from moeasr.experiment.batches import make_batches
from moeasr.experiment.config import ExperimentConfig
from moeasr.experiment.loss import make_loss
from moeasr.features.archive import open_archive
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.distillation import DistillationConfig
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.tokenizer import Tokenizer

NUM_RECORDINGS = 200
CONFIG = {
    "model": {
        "encoder": {"num_blocks": 1, "d_model": 16, "num_heads": 2, "subsampling_channels": 4},
        "decoder": {"num_blocks": 0, "num_reverse_blocks": 0},
        "ctc_weight": 1.0,
        "reverse_weight": 0.0,
    },
    "data": {"batch": {"max_frames": 2000}},
}
SETTINGS = "num_mel_bins: 80\n"
"""Settings of the filter banks."""


def main() -> None:
    """Make the set if it does not exist, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dir", type=Path, required=True, help="directory of the set, created if missing"
    )
    parser.add_argument("--num-utts", type=int, default=1_000_000)
    parser.add_argument("--data-type", choices=("feats", "raw", "shard"), default="feats")
    parser.add_argument("--units", choices=("char", "bpe"), default="bpe")
    parser.add_argument(
        "--segments", action="store_true", help="cut utterances from long recordings"
    )
    parser.add_argument("--num-workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--num-batches", type=int, default=1000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data_dir = make_set(args)
    tokenizer = make_tokenizer(args.dir, args.units)
    config = from_mapping(ExperimentConfig, CONFIG, "here")
    print(f"{args.num_utts} utterances, {args.data_type}, units {args.units}, {torch.__version__}")
    for when in ("first time", "again"):
        clock = Clock()
        batches = open_set(data_dir, config, tokenizer, args.data_type)
        print(f"opened, {when}: {clock}")
    clock = Clock()
    print(f"list of {batches.num_batches(1)} batches: {clock}")
    del batches
    for num_workers in args.num_workers:
        measure(data_dir, config, tokenizer, args, num_workers)


class Clock:
    """A clock that starts when it is created."""

    def __init__(self) -> None:
        self._start = time.monotonic(), time.process_time()

    def __str__(self) -> str:
        wall, cpu = time.monotonic() - self._start[0], time.process_time() - self._start[1]
        return f"{wall:.1f} s, of which {cpu:.1f} s computing"


def open_set(data_dir: Path, config: ExperimentConfig, tokenizer: Tokenizer, data_type: str):
    """Do everything that a training does with a set before its first batch."""
    batches = make_batches(
        data_dir, config, tokenizer, lambda n: n // 4, 0, torch.zeros(80), data_type
    )
    batches.utterances.digest(), batches.utterances.text_digest()  # as checkpoints need them
    return batches


def measure(
    data_dir: Path,
    config: ExperimentConfig,
    tokenizer: Tokenizer,
    args: argparse.Namespace,
    num_workers: int,
) -> None:
    """Train, and measure the memory at intervals."""
    train = from_mapping(
        ExperimentConfig, {**CONFIG, "train": {"num_workers": num_workers}}, "here"
    )
    batches = open_set(data_dir, train, tokenizer, args.data_type)
    cmvn = (torch.zeros(80), torch.ones(80))
    model = build_model(config.model, 80, tokenizer.vocab_size, cmvn)
    loss_of = make_loss(model, DistillationConfig(), tokenizer, FbankConfig(), torch.device("cpu"))
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    gc.collect()
    print(f"{num_workers} workers\n  batch  MB in all  MB of their own  ms per batch")
    print(f"  {0:5d} {memory_mb()}")
    stream = batches.stream(1, 0)
    start, last = time.monotonic(), 0
    for number, batch in enumerate(stream, start=1):
        output = loss_of(batch)
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if number in (1, 100, 200, 400, 600, 800, args.num_batches):
            seconds = (time.monotonic() - start) / (number - last)
            print(f"  {number:5d} {memory_mb()} {seconds * 1e3:13.0f}")
            start, last = time.monotonic(), number
        if number == args.num_batches:
            break
    stream.close()


def memory_mb() -> str:
    """Return the PSS of this process and its children, and its anonymous part."""
    ctypes.CDLL(None).malloc_trim(0)  # the pages that earlier steps freed are not in use
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    total = own = 0
    for process in ("self", *children):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Pss":
                total += int(value.split()[0])
            elif name in ("Pss_Anon", "Pss_Shmem"):
                own += int(value.split()[0])
    return f"{total / 1024:10.0f} {own / 1024:16.0f}"


# the set


def make_set(args: argparse.Namespace) -> Path:
    """Write a data directory with millions of lines."""
    name = f"{args.data_type}{'_segments' * args.segments}_{args.num_utts}"
    data_dir = args.dir / name
    if (data_dir / "text").exists():
        return data_dir
    shutil.rmtree(data_dir, ignore_errors=True)
    (data_dir / "conf").mkdir(parents=True)
    (args.dir / "fbank.yaml").write_text(SETTINGS)
    seed_dir = make_recordings(args.dir / "recordings")
    rng = np.random.default_rng(0)
    choice = rng.integers(0, NUM_RECORDINGS, args.num_utts).tolist()
    entries, lengths = read_entries(seed_dir, args.data_type)
    if args.segments:
        write(data_dir / "wav.scp", (f"r{i:06d} {entry}" for i, entry in enumerate(entries)))
        times = [f"r{i:06d} 0.00 {length / 100:.2f}" for i, length in enumerate(lengths)]
        write(data_dir / "segments", (f"{utt} {times[c]}" for utt, c in zip(names(args), choice)))
    else:
        table = {"feats": "feats.scp", "raw": "wav.scp", "shard": "shards.scp"}[args.data_type]
        write(data_dir / table, (f"{utt} {entries[c]}" for utt, c in zip(names(args), choice)))
    write(data_dir / "utt2num_frames", (f"{u} {lengths[c]}" for u, c in zip(names(args), choice)))
    shutil.copy(seed_dir / "conf" / "fbank.yaml", data_dir / "conf" / "fbank.yaml")
    words = np.array(make_words())
    num_words = np.maximum(np.array(lengths)[choice] // 40, 1).tolist()
    texts = (" ".join(rng.choice(words, n)) for n in num_words)
    write(data_dir / "text", (f"{utt} {text}" for utt, text in zip(names(args), texts)))
    return data_dir


def names(args: argparse.Namespace):
    """Yield utterance ids as long as those of real corpora."""
    return (f"speaker{n // 300:05d}-recording{n // 20:07d}-{n:08d}" for n in range(args.num_utts))


def write(path: Path, lines) -> None:
    """Write lines, one at a time."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def make_words() -> list[str]:
    """Return 20000 synthetic words, frequent letters first."""
    rng = np.random.default_rng(1)
    weights = 1 / np.arange(1, 27)
    letters = rng.choice(list("ETAOINSHRDLUCMFWYPVBGKJQXZ"), (20000, 10), p=weights / weights.sum())
    return ["".join(row[:length]) for row, length in zip(letters, rng.integers(1, 11, 20000))]


def make_tokenizer(folder: Path, units: str) -> Tokenizer:
    """Make a tokenizer from the words alone."""
    path = folder / f"lang_{units}"
    if not path.exists():
        size = 2000 if units == "bpe" else None
        build_tokenizer([" ".join(make_words()[i::50]) for i in range(50)], units, size).save(path)
    return Tokenizer.from_dir(path)


def make_recordings(folder: Path) -> Path:
    """Make a small set of noise recordings of 2 to 16 s for all data types."""
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    tables: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2spk": []}
    with open_archive(folder / "feats.ark", folder / "feats.scp") as archive:
        for number, seconds in enumerate(rng.uniform(2, 16, NUM_RECORDINGS)):
            utt, path = f"u{number:03d}", folder / f"{number}.flac"
            samples = rng.integers(-3000, 3000, int(seconds * 16000)).astype(np.int16)
            soundfile.write(path, samples, 16000)
            archive.write(utt, compute_fbank(torch.from_numpy(samples / 32768), FbankConfig()))
            for name, value in (("wav.scp", path), ("text", "A"), ("utt2spk", utt)):
                tables[name].append(f"{utt} {value}")
    for name, lines in tables.items():
        write(folder / name, lines)
    config = ["--nj", "1", "--fbank-config", str(folder.parent / "fbank.yaml")]
    make_raw.main([*config, str(folder)])
    make_shards.main([*config, "--num-utts-per-shard", "20", str(folder), str(folder / "shards")])
    (folder / "done").touch()
    return folder


def read_entries(folder: Path, data_type: str) -> tuple[list[str], list[int]]:
    """Return the places of the recordings and their lengths in frames."""
    table = {"feats": "feats.scp", "raw": "wav.scp", "shard": "shards.scp"}[data_type]
    entries = [line.split(" ", 1)[1] for line in (folder / table).read_text().splitlines()]
    lengths = (folder / "utt2num_frames").read_text().split()[1::2]
    return entries, [int(length) for length in lengths]


if __name__ == "__main__":
    main()
