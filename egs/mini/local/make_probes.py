"""Make harder test sets from the test recordings: late starts, joined utterances, no speech.

They show whether a model has learnt the usual start of speech instead of speech itself:
  <out-dir>/test_late       every recording after two seconds of quiet noise
  <out-dir>/test_joined     two recordings of different voices, one after the other
  <out-dir>/test_long       all recordings in one, about five minutes
  <out-dir>/test_no_speech  five seconds of silence, and of white, pink, brown and humming noise

Example, after stage 0 of run.sh:
  python3 local/make_probes.py --test-dir data/test --audio-dir downloads/probes --out-dir data
  ./run.sh --stage 1 --test-sets "test test_late test_joined"
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from moeasr.bin import run
from moeasr.datadir.write import Utterance, write_sets
from moeasr.errors import InputError
from moeasr.logs import setup_logging
from moeasr.parser import Parser
from moeasr.text.transcript import read_transcripts

SAMPLE_RATE_HZ = 16000
QUIET_DB = (-65.0, -45.0)  # level of the noise before speech, dB relative to full scale
NOISE_DB = (-60.0, -45.0, -30.0)
LATE_SEC = 2.0
NO_SPEECH_SEC = 5.0


def read_test(test_dir: Path) -> list[tuple[str, str, np.ndarray]]:
    """Read (utterance, transcript, samples in [-1, 1]) of a set whose wav.scp names files.

    Raises:
        InputError: A file is missing or has another sample rate.
    """
    texts = read_transcripts(test_dir / "text")
    recordings = []
    for line in (test_dir / "wav.scp").read_text(encoding="utf-8").splitlines():
        utt_id, path = line.split(" ", 1)
        if not Path(path).is_file():
            raise InputError(f"{test_dir / 'wav.scp'}: there is no file {path}; run stage 0 again")
        samples, rate_hz = soundfile.read(path)
        if rate_hz != SAMPLE_RATE_HZ:
            raise InputError(f"{path} must have {SAMPLE_RATE_HZ} Hz, but has {rate_hz}")
        recordings.append((utt_id, texts[utt_id], samples))
    return recordings


def noises(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield names and samples of recordings without speech."""
    num_samples = int(NO_SPEECH_SEC * SAMPLE_RATE_HZ)
    yield "silence", np.zeros(num_samples)
    frequency = np.maximum(np.arange(num_samples // 2 + 1), 1)
    for kind, slope in (("white", 0.0), ("pink", 0.5), ("brown", 1.0)):
        spectrum = np.fft.rfft(rng.standard_normal(num_samples))
        wave = np.fft.irfft(spectrum / frequency**slope, num_samples)
        for level_db in NOISE_DB:
            yield f"{kind}{level_db:.0f}dB", at_level(wave, level_db)
    seconds = np.arange(num_samples) / SAMPLE_RATE_HZ
    hum = sum(np.sin(2 * np.pi * 50 * k * seconds) / k for k in range(1, 8))
    for level_db in NOISE_DB:
        yield f"hum{level_db:.0f}dB", at_level(hum, level_db)


def at_level(wave: np.ndarray, level_db: float) -> np.ndarray:
    """Scale a wave to a root mean square of `level_db` relative to 1."""
    return wave * (10.0 ** (level_db / 20.0) / np.sqrt(np.mean(np.square(wave))))


def late(
    recordings: Sequence[tuple[str, str, np.ndarray]], rng: np.random.Generator
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Add quiet white noise before every recording."""
    for utt_id, text, samples in recordings:
        noise = rng.standard_normal(int(LATE_SEC * SAMPLE_RATE_HZ))
        quiet = at_level(noise, rng.uniform(*QUIET_DB))
        yield f"{utt_id}-late", text, np.concatenate([quiet, samples])


def joined(
    recordings: Sequence[tuple[str, str, np.ndarray]],
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Join every second recording with a recording from the other half of the set."""
    half = len(recordings) // 2
    for (utt_id, text, samples), (_, text2, samples2) in zip(recordings[:half], recordings[half:]):
        both = " ".join(f"{text} {text2}".split())
        yield f"{utt_id}-joined", both, np.concatenate([samples, samples2])


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument("--test-dir", type=Path, required=True, help="test set that stage 0 wrote")
    parser.add_argument("--audio-dir", type=Path, required=True, help="output directory of audio")
    parser.add_argument("--out-dir", type=Path, required=True, help="output directory of sets")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the audio and the data directories of all sets."""
    args = get_parser().parse_args(argv)
    setup_logging()
    rng = np.random.default_rng(0)
    recordings = read_test(args.test_dir)
    order = rng.permutation(len(recordings))
    text = " ".join(" ".join(recordings[number][1] for number in order).split())
    whole = np.concatenate([recordings[number][2] for number in order])
    sets = {
        "test_late": late(recordings, rng),
        "test_joined": joined(recordings),
        "test_long": [("all-0", text, whole)],
        "test_no_speech": [(f"noise-{name}", "", wave) for name, wave in noises(rng)],
    }
    tables: dict[str, list[Utterance]] = {}
    for name, items in sets.items():
        directory = args.audio_dir.resolve() / name
        directory.mkdir(parents=True, exist_ok=True)
        tables[name] = []
        for utt_id, words, samples in items:
            path = directory / f"{utt_id}.wav"
            soundfile.write(path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
            tables[name].append(Utterance(utt_id, utt_id.split("-")[0], words, path))
    write_sets(tables, args.out_dir)


if __name__ == "__main__":
    run(main)
