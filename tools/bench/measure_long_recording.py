r"""Measure error rate and memory of a long recording, joined from utterances with pauses.

    python tools/bench/measure_long_recording.py --data-dir data/test --minutes 120 --wav long.wav \
        -- transcribe --checkpoint exp/u2pp_moe

The utterances of the data directory are joined in their order, and repeated until the recording is
long enough. Uniformly random pauses of digital silence, or of noise, separate them. The command
after `--` is a `moeasr transcribe` or `moeasr stream`, to which the recording is appended. The
script prints the word error rate of its (final) texts, its largest resident memory, its real-time
factor, and with `--timestamps` in the command whether the times of words increase.
"""

import argparse
import itertools
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import find_data_type
from moeasr.score.error_rate import pair_up, word_error_rate
from moeasr.score.lines import kaldi_rate_line
from moeasr.text.transcript import read_transcripts


def main() -> None:
    """Join the recording, run the command, and print the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data-dir", required=True)
    add("--minutes", type=float, default=5)
    add("--wav", required=True, help="file for the joined recording, which is replaced")
    add("--min-pause-sec", type=float, default=0.5)
    add("--max-pause-sec", type=float, default=1.5)
    add("--noise-dbfs", type=float, help="level of noise in the pauses (default: digital silence)")
    add("--rate", type=int, default=16000, help="sample rate of the recording, Hz")
    add("--seed", type=int, default=0)
    add("command", nargs="+")
    args = parser.parse_args()
    text, duration_sec = join(args)
    start_sec = time.monotonic()
    command = [sys.executable, "-m", "moeasr", *args.command, args.wav]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    took_sec = time.monotonic() - start_sec
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [line.split("\t")[1:] for line in printed.splitlines()]
    if args.command[0] == "stream":
        lines = [line for line in lines if line[1] == "final"]
    rate = word_error_rate(pair_up({"all": text}, {"all": " ".join(line[-1] for line in lines)}))
    print(kaldi_rate_line(rate, "WER"))
    print(
        f"{duration_sec / 60:.1f} minutes, {usage.ru_maxrss / 1e6:.2f} GB at most, "
        f"{took_sec / duration_sec:.3f} s of time and {usage.ru_utime / duration_sec:.3f} s of "
        "CPU time per second of audio"
    )
    if "--timestamps" in args.command:
        times = [float(word[0]) for word in lines]
        order = "increase" if times == sorted(times) else "DO NOT INCREASE"
        print(f"the times of {len(times)} words {order}, the last one starts at {times[-1]:.2f} s")


def join(args: argparse.Namespace) -> tuple[str, float]:
    """Write the recording; return its text and its duration in seconds."""
    refs = read_transcripts(Path(args.data_dir) / "text")
    waveforms = read_waveforms(find_data_type("raw").open(args.data_dir), args.rate)
    parts = [(refs[utt], samples.numpy()) for utt, samples, _ in waveforms]
    generator = np.random.default_rng(args.seed)
    wanted, written, texts = args.minutes * 60 * args.rate, 0, []
    with soundfile.SoundFile(args.wav, "w", args.rate, 1, "PCM_16") as recording:
        for text, samples in itertools.cycle(parts):
            if written >= wanted:
                return " ".join(texts), written / args.rate
            pause_sec = generator.uniform(args.min_pause_sec, args.max_pause_sec)
            pause = np.zeros(round(pause_sec * args.rate))
            if args.noise_dbfs is not None:
                pause = 10 ** (args.noise_dbfs / 20) * generator.standard_normal(len(pause))
            recording.write(samples)
            recording.write(pause)
            written += len(samples) + len(pause)
            texts.append(text)
    raise AssertionError("a cycle never ends")


if __name__ == "__main__":
    main()
