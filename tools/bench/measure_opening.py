"""Measure how long every command takes to open a data directory of a million utterances.

The set is synthetic: a few recordings are used for all utterances. A command that reads utterances
one after the other is stopped before the first utterance (at the first call of a network, or at the
start of its processes). All other commands run to their end. Each command has its own process,
whose time and peak memory are printed, including imports. On a busy machine, use the CPU seconds.

    python tools/bench/measure_opening.py --dir /tmp/opening --checkpoint averaged.pt
    python tools/bench/measure_opening.py --dir /tmp/opening --checkpoint averaged.pt --only decode

The checkpoint must have experts and 80 mel bins. Memory is that of the main process.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

NUM_RECORDINGS = 200
WORDS = ("SEVEN", "DIALS", "ONCE", "MORE", "THE", "SHIP", "SAILED", "UNDER", "A", "GREY", "SKY")


class OpenedError(BaseException):
    """The command has opened its data directory."""


def main() -> None:
    """Make the sets if they do not exist, then measure each command in its own process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dir", type=Path, required=True, help="directory of the sets, created if missing"
    )
    parser.add_argument("--checkpoint", required=True, help="a model with experts")
    parser.add_argument("--num-utts", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="commands to measure")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_child(args)
        return
    # This process stays small, because the peak memory of a child includes that of its parent.
    if not (args.dir / "done").exists():
        subprocess.run([*command(args), "sets"], check=True)
    print(f"{args.num_utts} utterances\n{'command':24} seconds  CPU's    peak MB", flush=True)
    for name in args.only or commands(args):
        shutil.rmtree(args.dir / "out", ignore_errors=True)
        start = time.monotonic()
        log = args.dir / f"{name}.log"
        with log.open("wb") as stream:
            child = subprocess.Popen([*command(args), name], stdout=stream, stderr=stream)
            _, status, usage = os.wait4(child.pid, 0)
        fault = f"  failed: see {log}" * (status != 0)
        seconds = time.monotonic() - start
        cpu_sec, peak_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        print(f"{name:24} {seconds:7.1f} {cpu_sec:6.1f} {peak_mb:10.0f}{fault}", flush=True)


def command(args: argparse.Namespace) -> list[str]:
    """Return the command line of a child without its task."""
    options = ["--checkpoint", args.checkpoint, "--num-utts", str(args.num_utts), "--child"]
    return [sys.executable, __file__, "--dir", str(args.dir), *options]


def commands(args: argparse.Namespace) -> dict[str, list[str]]:
    """Return the measurements: name -> entry point and its arguments."""
    base = args.dir.resolve()
    feats, raw, cut, out = (str(base / name) for name in ("feats", "raw", "segments", "out"))
    model = ["--checkpoint", args.checkpoint]
    decode = ["decode", *model, "--out-dir", out, "--modes", "ctc_greedy_search", "--data-dir"]
    usage = ["usage", *model, "--data-dir"]
    fbank = ["--fbank-config", str(base / "fbank.yaml")]
    return {
        "train": ["train"],
        "decode feats": [*decode, feats],
        "decode raw": [*decode, raw],
        "decode segments": [*decode, cut],
        "stream": ["stream", *model, "--simulate", raw, "--out-dir", out],
        "usage": [*usage, feats],
        "densify": ["densify", *model, "--data-dir", feats, "--out", f"{out}/dense.pt"],
        "compute_cmvn": ["compute_cmvn", "--data-dir", feats, "--out", f"{out}/cmvn"],
        "compute_cmvn raw": [
            *("compute_cmvn", "--data-type", "raw", "--data-dir", raw, "--out", f"{out}/cmvn")
        ],
        "make_fbank": [
            *("make_fbank", "--wav-scp", f"{raw}/wav.scp"),
            *("--ark", f"{out}/x.ark", "--scp", f"{out}/x.scp"),
        ],
        "make_raw": ["make_raw", *fbank, raw],
        "make_shards": ["make_shards", *fbank, raw, out],
        "gather_fbank": ["gather_fbank", *fbank, feats, str(base / "jobs" / "x.1.scp")],
        "validate_data_dir": ["validate_data_dir", feats],
        "fix_data_dir": ["fix_data_dir", feats],
        "subset_data_dir": ["subset_data_dir", feats, str(args.num_utts // 2), out],
        "split_data": ["split_data", feats, "4"],
        "combine_data": ["combine_data", out, *(str(base / f"half{n}") for n in (1, 2))],
        "copy_data_dir": ["copy_data_dir", "--utt-suffix=-x", feats, out],
        "get_utt2dur": ["get_utt2dur", out],
        "get_utt2num_frames": ["get_utt2num_frames", out],
        "score": ["score", "--data-dir", feats, "--decode-dir", str(base / "hyps")],
    }


def run_child(args: argparse.Namespace) -> None:
    """Run one command to the end of its opening, or make the sets."""
    if args.child == "sets":
        make_sets(args.dir, args.num_utts)
        return
    module, *argv = commands(args)[args.child]
    out = args.dir / "out"
    out.mkdir(exist_ok=True)
    try:
        if module == "train":
            open_training_set(args)
        else:
            prepare(module, args, out)
            import_module(f"moeasr.bin.{module}").main(argv)
    except OpenedError:
        pass


def prepare(module: str, args: argparse.Namespace, out: Path) -> None:
    """Prepare a command so that it stops before the first utterance."""
    if module in ("decode", "stream", "usage", "densify"):
        import torch

        torch.nn.Module.__call__ = stop
    elif module in ("compute_cmvn", "make_raw", "make_shards"):
        import_module("moeasr.data.background").in_background = stop
    elif module == "make_fbank":
        import_module("moeasr.audio.recording").RecordingReader.read = stop
    elif module == "score":  # the alignments take minutes
        import_module("moeasr.score.score_dir").word_error_rate = stop
    elif module == "split_data":
        shutil.rmtree(args.dir / "feats" / "split4", ignore_errors=True)
    elif module == "get_utt2dur":
        for name in ("utt2spk", "utt2num_frames", "frame_shift"):
            shutil.copy(args.dir / "feats" / name, out / name)
    elif module == "get_utt2num_frames":
        for name in ("utt2spk", "feats.scp"):
            shutil.copy(args.dir / "feats" / name, out / name)


def stop(*args: object, **kwargs: object) -> None:
    """Replace a function that processes utterances."""
    raise OpenedError


def open_training_set(args: argparse.Namespace) -> None:
    """Do what a training does before its first batch."""
    import torch

    from moeasr.config import from_mapping
    from moeasr.decode.recognizer import Recognizer
    from moeasr.experiment.batches import make_batches
    from moeasr.experiment.config import ExperimentConfig

    recognizer = Recognizer.from_checkpoint(args.checkpoint)
    config = from_mapping(ExperimentConfig, {}, "here")
    batches = make_batches(
        args.dir / "feats",
        config,
        recognizer.tokenizer,
        recognizer.model.output_len,
        0,
        torch.zeros(80),
    )
    batches.utterances.digest(), batches.utterances.text_digest()  # as checkpoints need them
    batches.num_batches(1)


# the sets


def make_sets(folder: Path, num_utts: int) -> None:
    """Make `feats`, `raw`, `segments`, `half1`, `half2`, `jobs` and `hyps`."""
    shutil.rmtree(folder, ignore_errors=True)
    recordings = make_recordings(folder / "recordings")
    (folder / "fbank.yaml").write_text("num_mel_bins: 80\n")
    lengths = [length for _, _, length in recordings]
    tables = {
        "utt2spk": ("{utt} {speaker}", ("feats", "raw", "segments", "half1", "half2")),
        "text": ("{utt} {text}", ("feats", "raw", "segments", "half1", "half2", "hyps")),
        "feats.scp": ("{utt} {feats}", ("feats", "half1", "half2")),
        "utt2num_frames": ("{utt} {length}", ("feats", "raw", "half1", "half2")),
        "utt2dur": ("{utt} {seconds}", ("feats", "half1", "half2")),
        "wav.scp": ("{utt} {wav}", ("raw",)),
        "segments": ("{utt} r{number:03d} 0.00 {seconds}", ("segments",)),
        "x.1.scp": ("{utt} {feats}", ("jobs",)),
        "x.1.utt2num_frames": ("{utt} {length}", ("jobs",)),
        "x.1.utt2dur": ("{utt} {seconds}", ("jobs",)),
    }
    for name, (form, sets) in tables.items():
        for data in sets:
            lines = (form.format(**facts) for facts in utterances(num_utts, recordings))
            write(folder / data / name, part(lines, data, num_utts))
    for data in ("feats", "raw", "segments", "half1", "half2"):
        speakers: dict[str, list[str]] = {}
        for line in (folder / data / "utt2spk").read_text().splitlines():
            utt, speaker = line.split()
            speakers.setdefault(speaker, []).append(utt)
        write(folder / data / "spk2utt", (f"{s} {' '.join(utts)}" for s, utts in speakers.items()))
        write_settings(folder / data)
    write(
        folder / "segments" / "wav.scp",
        (f"r{number:03d} {wav}" for number, (_, wav, _) in enumerate(recordings)),
    )
    shutil.copy(folder / "raw" / "wav.scp", folder / "feats" / "wav.scp")
    assert max(lengths) < 3000
    (folder / "done").touch()


def utterances(num_utts: int, recordings: list[tuple[str, str, int]]) -> Iterator[dict]:
    """Yield the data of each utterance, with ids as long as those of real corpora."""
    for n in range(num_utts):
        number = n * 7919 % NUM_RECORDINGS
        feats, wav, length = recordings[number]
        speaker = f"speaker{n // 300:05d}"
        yield {
            "utt": f"{speaker}-recording{n // 20:07d}-{n:08d}",
            "speaker": speaker,
            "text": " ".join(WORDS[i % len(WORDS)] for i in range(n % 11, n % 11 + length // 60)),
            "feats": feats,
            "wav": wav,
            "length": length,
            "seconds": f"{length / 100:.2f}",
            "number": number,
        }


def part(lines: Iterator[str], data: str, num_utts: int) -> Iterator[str]:
    """Select the lines of one half, or all."""
    for n, line in enumerate(lines):
        half = "half1" if n < num_utts // 600 * 300 else "half2"  # whole speakers
        if data in (half, "feats", "raw", "segments", "jobs", "hyps"):
            yield line


def write(path: Path, lines: Iterator[str]) -> None:
    """Write lines, one at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_settings(data_dir: Path) -> None:
    """Write the settings of the filter banks."""
    from moeasr.data.feature_settings import write_settings as write_all
    from moeasr.features.fbank_config import FbankConfig

    write_all(data_dir, FbankConfig())


def make_recordings(folder: Path) -> list[tuple[str, str, int]]:
    """Write 2 to 16 s of noise each: place of the features, audio file, frames."""
    import numpy as np
    import soundfile
    import torch

    from moeasr.features.archive import open_archive
    from moeasr.features.fbank import compute_fbank
    from moeasr.features.fbank_config import FbankConfig

    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    made: list[tuple[str, int]] = []
    with open_archive(folder / "feats.ark", folder / "feats.scp") as archive:
        for number, seconds in enumerate(rng.uniform(2, 16, NUM_RECORDINGS)):
            samples = rng.integers(-3000, 3000, int(seconds * 16000)).astype(np.int16)
            soundfile.write(folder / f"{number}.flac", samples, 16000)
            feats = compute_fbank(torch.from_numpy(samples / 32768).float(), FbankConfig())
            archive.write(f"u{number:03d}", feats)
            made.append((str(folder / f"{number}.flac"), feats.size(0)))
    places = [line.split()[1] for line in (folder / "feats.scp").read_text().splitlines()]
    return [(place, wav, length) for place, (wav, length) in zip(places, made)]


if __name__ == "__main__":
    main()
