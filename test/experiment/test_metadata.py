"""The metadata of a checkpoint."""

import dataclasses
import subprocess
from pathlib import Path

import pytest
from experiments import DENSE, FBANK, TOKENIZER

from moeasr.config import from_mapping, to_mapping
from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig
from moeasr.experiment.metadata import checkpoint_metadata, network_of
from moeasr.models.distillation import DistillationConfig


def test_a_checkpoint_knows_its_teacher_by_content(tmp_path):
    teacher = tmp_path / "teacher.pt"
    config = dataclasses.replace(DENSE, distillation=DistillationConfig(teacher=str(teacher)))
    digests = []
    for text in ("one", "other", "one"):
        teacher.write_text(text)
        metadata = checkpoint_metadata(config, TOKENIZER, FBANK, None, "a.yaml", [], 1, "train")
        digests.append(metadata["teacher"])
    assert digests[0] == digests[2] != digests[1]
    (tmp_path / "averaged.pt").write_text("one")
    config = dataclasses.replace(DENSE, distillation=DistillationConfig(teacher=str(tmp_path)))
    metadata = checkpoint_metadata(config, TOKENIZER, FBANK, None, "a.yaml", [], 1, "train")
    assert metadata["teacher"] == digests[0]


def test_a_checkpoint_carries_what_decoding_and_resuming_need(tmp_path, monkeypatch):
    """Its commit is the toolkit's, in whatever directory the training was started."""
    describe = ["git", "describe", "--always", "--dirty"]
    git = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True)
    monkeypatch.chdir(tmp_path)
    metadata = checkpoint_metadata(
        DENSE, TOKENIZER, FBANK, None, "conf/small.yaml", ["a.b=1", "c=2"], 17, "train --x"
    )
    info = metadata.pop("info")
    assert metadata == {
        "config": to_mapping(DENSE),
        "tokenizer": TOKENIZER.state(),
        "fbank": to_mapping(FBANK),
        "seed": 17,
        "training_set": "",
        "training_text": "",
        "teacher": None,
    }
    assert info == {
        "commit": git.stdout.strip() if git.returncode == 0 else "unknown",
        "seed": 17,
        "config_name": "small a.b=1 c=2",
        "train_command": "train --x",
    }


def test_averages_need_checkpoints_of_one_network_but_not_of_one_procedure():
    def network(**encoder):
        config = from_mapping(ExperimentConfig, {"model": {"encoder": encoder}}, "here")
        return network_of({"config": to_mapping(config)}, "a.pt")

    assert network(dropout=0.2) == network()
    assert network(d_model=128)["model.encoder.d_model"] == 128
    assert "model.ctc_weight" in network()


def test_a_checkpoint_without_a_config_is_named():
    with pytest.raises(InputError, match=r"a\.pt"):
        network_of({"config": 3}, "a.pt")
