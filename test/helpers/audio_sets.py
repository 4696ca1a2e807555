"""Small sets of audio, made ready for each data type by the entry points that users call."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
import torch

from moeasr.bin import gather_fbank, make_fbank, make_raw, make_shards
from moeasr.data.data_type import find_data_type
from moeasr.kaldi.combine import combine_data
from moeasr.kaldi.speed import perturb_data_dir_speed

FBANK = "num_mel_bins: 20\n"
UTTS_PER_SHARD = 3


def silent(message: str) -> None:
    """Discard a message."""


def write_audio(path: Path, seconds: float, rate_hz: int = 16000, channels: int = 1) -> Path:
    """Write noise as a 16-bit audio file."""
    rng = np.random.default_rng(int(seconds * 1000) + channels)
    samples = rng.integers(-9000, 9000, (round(seconds * rate_hz), channels)).astype(np.int16)
    soundfile.write(path, samples, rate_hz)
    return path


def write_dir(path: Path, **tables: Mapping[str, object]) -> Path:
    """A data directory, with `fbank.yaml` beside it; `wav_scp` stands for wav.scp."""
    path.mkdir()
    path.with_name("fbank.yaml").write_text(FBANK)
    tables["utt2spk"] = tables["spk2utt"] = {utt: utt for utt in tables["text"]}
    for name, table in tables.items():
        lines = "".join(f"{key} {value}\n" for key, value in sorted(table.items()))
        (path / name.replace("_", ".")).write_text(lines)
    return path


def whole_files(folder: Path) -> Path:
    """A set of WAV, FLAC, two channels, another rate, a pipe, and a pipe that only decodes."""
    audio = folder / "audio files"
    audio.mkdir(parents=True)
    write_audio(audio / "a.wav", 0.61)
    write_audio(audio / "b.flac", 0.73)
    write_audio(audio / "stereo.wav", 0.52, channels=2)
    write_audio(audio / "narrow.wav", 0.8, rate_hz=8000)
    wav = {name: audio / f"{name}.wav" for name in ("a", "stereo", "narrow")}
    wav |= {"b": audio / "b.flac", "pipe": f"head -c 999999 '{audio}/a.wav' |"}
    wav["decoded"] = f"flac -c -d -s '{audio}/b.flac' |"
    return write_dir(folder / "set", wav_scp=wav, text=dict.fromkeys(wav, "ab ba"))


def segments(folder: Path) -> Path:
    """A set of segments of two recordings, one of which is the output of a command."""
    folder.mkdir(parents=True, exist_ok=True)
    long = write_audio(folder / "long.flac", 3.1)
    wav = {"r1": long, "r2": f"head -c 999999 {long} |"}
    parts = {"u1": "r1 0.1 0.7", "u2": "r2 0.5 1.333", "u3": "r1 1.2 2.2", "u4": "r2 2.5 3.05"}
    text = dict.fromkeys(parts, "ab")
    return write_dir(folder / "cut", wav_scp=wav, segments=parts, text=text)


def at_three_speeds(source: Path) -> Path:
    """The set and its copies at 0.9 and 1.1 times the speed."""
    parts = [source]
    for factor in ("0.9", "1.1"):
        parts.append(source.with_name(f"{source.name}_{factor}"))
        perturb_data_dir_speed(source, parts[-1], factor, True, silent)
    target = source.with_name(f"{source.name}_sp")
    combine_data(target, parts, (), silent)
    return target


def prepare(source: Path, data_type: str, nj: int = 1) -> Path:
    """A copy of a data directory that is ready for a data type."""
    copy = source.with_name(f"{source.name}_{data_type}")
    shutil.copytree(source, copy)
    config = ["--fbank-config", str(source.with_name("fbank.yaml"))]
    if data_type == "raw":
        make_raw.main([*config, "--nj", str(nj), str(copy)])
    elif data_type == "shard":
        make_shards_of(copy, nj)
    else:
        tables = ["--wav-scp", str(copy / "wav.scp")]
        if (copy / "segments").exists():
            tables += ["--segments", str(copy / "segments")]
        scp = copy.with_suffix(".scp")
        output = ["--ark", str(scp.with_suffix(".ark")), "--scp", str(scp)]
        make_fbank.main([*config, *tables, *output])
        gather_fbank.main([*config, str(copy), str(scp)])
    return copy


def make_shards_of(data_dir: Path, nj: int = 1) -> Path:
    """Shards of a few utterances each, in `shards` beside the directory."""
    config = ["--fbank-config", str(data_dir.with_name("fbank.yaml")), "--nj", str(nj)]
    shards = data_dir.with_name("shards")
    size = ["--num-utts-per-shard", str(UTTS_PER_SHARD)]
    make_shards.main([*config, *size, str(data_dir), str(shards)])
    return shards


def move_shards(data_dir: Path, address: str) -> None:
    """Say in shards.scp that the shards are at an address."""
    table = (data_dir / "shards.scp").read_text()
    moved = table.replace(str(data_dir.with_name("shards").resolve()), address)
    (data_dir / "shards.scp").write_text(moved)


def features(data_dir: Path, data_type: str) -> dict[str, torch.Tensor]:
    """Return the features of a data directory by utterance."""
    kind = find_data_type(data_type)
    reader = kind.open_reader(data_dir)
    return {utterance.utt_id: reader.read(utterance) for utterance in kind.open(data_dir)}
