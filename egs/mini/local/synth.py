"""Synthesis of a planned recording: espeak-ng, then level, pauses and noise."""

import json
import struct
import subprocess
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import espeakng_loader
import numpy as np
import torch
import torchaudio
from plan import Part, Recording, Saying
from speak import SAMPLE_RATE_HZ as ESPEAK_RATE_HZ

from moeasr.errors import InputError

SAMPLE_RATE_HZ = 16000
SPEAK = Path(__file__).parent / "speak.py"
PEAK = 0.98  # of full scale, so that nothing clips


def record(recording: Recording) -> np.ndarray:
    """Return the samples of a recording, which depend on nothing else.

    Returns:
        16-bit samples (S,) at 16 kHz.
    """
    waves = iter(say([s for part in recording.parts for s in (*part.phrases, *part.babble)]))
    rendered = []
    for part in recording.parts:
        phrases, babble = (list(islice(waves, len(s))) for s in (part.phrases, part.babble))
        rendered.append(render(part, phrases, babble))
    samples = np.concatenate(rendered)
    samples = samples * min(1.0, PEAK / max(np.abs(samples).max(), 1e-9))
    return np.round(samples * 32767).astype(np.int16)


def render(part: Part, phrases: list[np.ndarray], babble: list[np.ndarray]) -> np.ndarray:
    """Join phrases, scale them to the level of the part, and add its pauses and noise.

    Args:
        part: Levels, pauses and noise.
        phrases: Samples (S,) of each phrase.
        babble: Samples (S,) of each voice in the background.

    Returns:
        Samples (S,), of any level.
    """
    speech = with_pauses(phrases, part.pauses_sec, part.level_db)
    rng = np.random.default_rng(part.seed)
    noise_db = part.level_db - part.snr_db
    if part.noise == "white":
        speech = speech + _to_level(rng.standard_normal(len(speech)), noise_db)
    elif part.noise == "pink":
        speech = speech + _to_level(pink_noise(len(speech), rng), noise_db)
    elif part.noise == "babble":
        speech = speech + _to_level(mix(babble, len(speech)), noise_db)
    return speech


def say(sayings: list[Saying]) -> list[np.ndarray]:
    """Synthesise sentences one after the other in a new espeak-ng process.

    Returns:
        Samples of each sentence in [-1, 1] at 16 kHz.

    Raises:
        InputError: espeak-ng does not know a voice, or fails.
    """
    data = espeakng_loader.get_data_path()
    for saying in sayings:
        variant = saying.voice.partition("+")[2]
        # The library would silently use its default voice.
        if not Path(data, "voices", "!v", variant).is_file():
            raise InputError(f"this espeak-ng ({data}) has no voice variant '{variant}'")
    command = [sys.executable, "-I", "-S", str(SPEAK), espeakng_loader.get_library_path(), data]
    lines = "".join(json.dumps(asdict(saying)) + "\n" for saying in sayings)
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise InputError(f"{SPEAK.name} failed: {done.stderr.decode().strip()}")
    waves, output = [], done.stdout
    for _ in sayings:
        (count,) = struct.unpack_from("<I", output)
        waves.append(_to_16_khz(np.frombuffer(output, "<i2", count, offset=4)))
        output = output[4 + 2 * count :]
    return waves


def with_pauses(
    phrases: list[np.ndarray], pauses_sec: tuple[float, ...], level_db: float
) -> np.ndarray:
    """Scale phrases to a common level and join them with digital silence around them.

    Args:
        phrases: Samples at 16 kHz.
        pauses_sec: Seconds of silence before, between and after the phrases.
        level_db: Root mean square of the speech, dB relative to 1.
    """
    pauses = [np.zeros(int(sec * SAMPLE_RATE_HZ)) for sec in pauses_sec]
    if not phrases:
        return pauses[0]
    ends = np.cumsum([len(phrase) for phrase in phrases])[:-1]
    phrases = np.split(_to_level(np.concatenate(phrases), level_db), ends)
    pairs = zip(pauses, phrases)
    return np.concatenate([part for pair in pairs for part in pair] + pauses[-1:])


def pink_noise(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise whose power decreases by 3 dB per octave, at any level."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    frequencies = np.maximum(np.arange(len(spectrum)), 1)  # frequency 0 is treated like 1
    return np.fft.irfft(spectrum / np.sqrt(frequencies), num_samples)


def mix(waves: list[np.ndarray], num_samples: int) -> np.ndarray:
    """Return the sum of several voices, each scaled to the same level and repeated."""
    return sum(np.resize(_to_level(wave, 0.0), num_samples) for wave in waves)


def _to_level(wave: np.ndarray, level_db: float) -> np.ndarray:
    """Scale a wave to a root mean square of `level_db` relative to 1."""
    root_mean_square = np.sqrt(np.mean(np.square(wave)))
    return wave * (10.0 ** (level_db / 20.0) / max(root_mean_square, 1e-9))


def _to_16_khz(samples: np.ndarray) -> np.ndarray:
    wave = torch.from_numpy(samples.astype(np.float32) / 32768.0)
    return torchaudio.functional.resample(wave, ESPEAK_RATE_HZ, SAMPLE_RATE_HZ).numpy()
