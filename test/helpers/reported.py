"""An experiment in miniature that a report can show: checkpoints, metrics, a scored decoding."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import audio_sets
from checkpoints import save_model

from moeasr.bin import decode, score
from moeasr.moe.layer import MoeConfig

TEXTS = {"a1": "ab ba", "a2": "c", "b1": "d a", "b2": "b"}
SECONDS = {"a1": 1.5, "a2": 0.7, "b1": 1.1, "b2": 0.9}
SPEAKERS = {"a1": "ann", "a2": "ann", "b1": "bob", "b2": "bob"}
MODE = "ctc_greedy_search"


class Reported(NamedTuple):
    """The directories of an experiment and of its test set."""

    exp_dir: Path
    data_dir: Path

    def copy(self, root: Path) -> "Reported":
        """Return a copy that a test may change."""
        for path in self:
            shutil.copytree(path, root / path.name, copy_function=shutil.copy2)
        return Reported(root / self.exp_dir.name, root / self.data_dir.name)

    @property
    def options(self) -> list[str]:
        """The options of `moeasr report` that name the directories."""
        return ["--exp-dir", str(self.exp_dir), "--data-dir", str(self.data_dir)]


def make_reported(root: Path, has_experts: bool = True) -> Reported:
    """Write the experiment; its model was not trained, and its metrics are made up."""
    audio = root / "audio"
    audio.mkdir(parents=True)
    wav = {utt: audio_sets.write_audio(audio / f"{utt}.flac", sec) for utt, sec in SECONDS.items()}
    source = audio_sets.write_dir(root / "set", wav_scp=wav, text=TEXTS)
    lines = "".join(f"{utt} {speaker}\n" for utt, speaker in SPEAKERS.items())
    (source / "utt2spk").write_text(lines)
    data_dir = audio_sets.prepare(source, "raw")
    exp_dir = root / "exp"
    exp_dir.mkdir()
    experts = MoeConfig(hidden_units=8, num_experts=3) if has_experts else None
    save_model(exp_dir / "averaged.pt", experts, num_blocks=2)
    shutil.copy2(exp_dir / "averaged.pt", exp_dir / "epoch_1.pt")
    records: list[dict] = [{"kind": "train", "step": 1, "loss": 9.0}]
    for epoch in (1, 2):
        step = 10 * epoch
        records.append({"kind": "dev", "step": step, "loss": 8.0 / epoch, "wer": 50.0 / epoch})
        if has_experts:
            shares = {
                "layer_00/expert_0": 0.5,
                "layer_00/expert_1": 0.25,
                "layer_00/expert_2": 0.25,
            }
            records.append({"kind": "experts", "step": step, **shares})
    (exp_dir / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    out = exp_dir / f"decode_{data_dir.name}"
    arguments = ["--checkpoint", str(exp_dir), "--data-dir", str(data_dir), "--data-type", "raw"]
    decode.main([*arguments, "--out-dir", str(out), "--modes", MODE])
    score.main(["--data-dir", str(data_dir), "--decode-dir", str(out)])
    return Reported(exp_dir, data_dir)
