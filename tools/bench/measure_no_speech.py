r"""Measure which recordings without speech get words: silence, noise and hum at several levels.

    python tools/bench/measure_no_speech.py --audio-dir DIR -- transcribe --checkpoint exp/u2pp_moe

The recordings are written to a directory, which is appended to the `moeasr transcribe` command
after `--`. The script prints their number and those with words.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000
LEVELS_DBFS = (-70, -50, -40, -30, -20, -10)


def main() -> None:
    """Write the recordings, run the command, and print what it recognises."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio-dir", required=True, type=Path)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    args.audio_dir.mkdir(parents=True, exist_ok=True)
    for name, samples in recordings():
        soundfile.write(args.audio_dir / f"{name}.wav", samples, RATE_HZ)
    command = [sys.executable, "-m", "moeasr", *args.command, str(args.audio_dir)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    lines = [line.split("\t") for line in printed.splitlines()]
    spoken = [f"{Path(path).stem} ({text})" for path, text in lines if text.strip()]
    print(f"{len(spoken)} of {len(lines)} recordings have words: {', '.join(spoken) or 'none'}")


def recordings() -> Iterator[tuple[str, np.ndarray]]:
    """Yield the names and samples of the recordings."""
    generator = np.random.default_rng(0)
    for seconds in (0.01, 5, 25):
        yield f"silence_{seconds}s", np.zeros(round(seconds * RATE_HZ))
    yield "white_-20dB_0.01s", _at_level(generator.standard_normal(160), -20)
    for level in LEVELS_DBFS:
        for seconds in (1, 5, 25):
            white = generator.standard_normal(seconds * RATE_HZ)
            yield f"white_{level}dB_{seconds}s", _at_level(white, level)
        spectrum = np.fft.rfft(generator.standard_normal(5 * RATE_HZ))
        pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)))
        yield f"pink_{level}dB_5s", _at_level(pink, level)
        turns = 2 * np.pi * np.arange(5 * RATE_HZ) / RATE_HZ
        yield f"hum_{level}dB_5s", _at_level(np.sin(50 * turns) + 0.3 * np.sin(150 * turns), level)


def _at_level(wave: np.ndarray, level_dbfs: float) -> np.ndarray:
    """Scale a wave to a root mean square relative to full scale."""
    return wave * (10 ** (level_dbfs / 20) / np.sqrt(np.mean(np.square(wave))))


if __name__ == "__main__":
    main()
