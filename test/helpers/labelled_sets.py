"""A tiny data set, whose utterances may have labels, and trainings on it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import audio_sets

from moeasr.bin import compute_cmvn, make_dict, train
from moeasr.yaml_text import dump_yaml


def make_labelled_set(folder: Path, config: Mapping[str, Any], labels: Sequence[str] = ()) -> Path:
    """Write six utterances with features, units, statistics and a config.

    Labels are their domains in turn (utt2dom).

    Returns:
        The data directory.
    """
    wav = {f"u{n}": audio_sets.write_audio(folder / f"{n}.wav", 0.6 + 0.1 * n) for n in range(6)}
    text = {utt: "abba"[: 2 + number % 3] for number, utt in enumerate(wav)}
    data = audio_sets.prepare(audio_sets.write_dir(folder / "set", wav_scp=wav, text=text), "feats")
    if labels:
        (data / "utt2dom").write_text("".join(f"u{n} {labels[n % 2]}\n" for n in range(6)))
    make_dict.main(["--text", str(data / "text"), "--out-dir", str(folder / "lang")])
    compute_cmvn.main(["--data-dir", str(data), "--out", str(folder / "cmvn")])
    (folder / "train.yaml").write_text(dump_yaml(config))
    return data


def train_in(data_dir: Path, name: str, *options: str) -> Path:
    """Train or resume, and return the directory of the experiment."""
    folder = data_dir.parent
    sets = ["--train-dir", str(data_dir), "--dev-dir", str(data_dir)]
    files = ["--dict-dir", str(folder / "lang"), "--cmvn", str(folder / "cmvn")]
    config = ["--config", str(folder / "train.yaml"), "--exp-dir", str(folder / name)]
    train.main([*sets, *files, *config, *options])
    return folder / name
